use meanwhile::prelude::*;

/// Measures.
#[tool]
fn größe_messen() {}

/// Looks up the opening hours of a shop.
#[tool]
async fn look_up_the_opening_hours_of_a_shop_in_a_town_on_a_day_of_the_week() {}

/// Measures.
#[tool]
#[derive(Deserialize, JsonSchema)]
struct GrößeWissen {
    id: u32,
}

impl GrößeWissen {
    async fn call(self, _: &ToolContext) {}
}

struct Shop;

#[toolkit]
impl Shop {
    /// Measures.
    #[tool]
    fn größe(&self) {}

    /// Has a name that every provider takes.
    #[tool(name = "size")]
    fn maß(&self) {}
}

struct Twice;

#[toolkit]
impl Twice {
    /// Is there.
    #[tool(name = "twice")]
    #[cfg(not(any()))]
    fn one(&self) {}

    /// Is there, too.
    #[tool(name = "twice")]
    #[cfg(all())]
    fn two(&self) {}

    /// Is never there.
    #[tool(name = "twice")]
    #[cfg(any())]
    fn three(&self) {}
}

fn main() {}
