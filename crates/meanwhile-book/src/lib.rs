//! The chapters of the book (`docs/`) as documentation tests, so that their code compiles and what it
//! asserts holds. Chapters whose blocks are taken from an example are checked where that example is.

/// Makes a module of each chapter, whose documentation it is.
macro_rules! chapters {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../../docs/", $file))]
            mod $name {}
        )+
    };
}

chapters! {
    blocking = "blocking.md",
    callbacks = "callbacks.md",
    calls = "calls.md",
    getting_started = "getting-started.md",
    many_calls = "many-calls.md",
    models = "models.md",
    observability = "observability.md",
    outputs = "outputs.md",
    programs = "programs.md",
    reliability = "reliability.md",
    retrieval = "retrieval.md",
    streams = "streams.md",
    tools = "tools.md",
    writing_a_layer = "writing-a-layer.md",
}
