//! Clouds and small gateways that serve the dialect with few or no departures.

use meanwhile_core::ErrorKind;

use super::Preset;
use crate::tags::THINK;
use crate::{AudioInput, Documents, Quirks, ReasoningField, ReplayThinking, StructuredOutput};

/// What hosts of open models have in common.
const OPEN: Quirks = Quirks {
    audio: AudioInput::None,
    documents: Documents::None,
    unsupported: &[],
    ..Quirks::new()
};

/// Hosts that check the fields of a request against those of OpenAI.
const PLAIN: Quirks = Quirks {
    unsupported: &["top_k", "prompt_cache_key"],
    documents: Documents::None,
    ..Quirks::new()
};

/// [Atlas Cloud](https://www.atlascloud.ai).
pub const ATLASCLOUD: Preset = Preset::hosted(
    "atlascloud",
    "https://api.atlascloud.ai/v1",
    &["ATLASCLOUD_BASE_URL"],
    &["ATLASCLOUD_API_KEY"],
    OPEN,
);

/// A Cascadia server on one's own machine.
pub const CASCADIA: Preset = Preset::local(
    "cascadia",
    "http://localhost:9090/v1",
    &["CASCADIA_BASE_URL"],
    &["CASCADIA_API_KEY"],
    Quirks { images: false, ..OPEN },
);

/// A workspace of [Databricks](https://www.databricks.com), whose address is in `DATABRICKS_HOST`;
/// the model is the name of a serving endpoint.
pub const DATABRICKS: Preset = Preset::hosted(
    "databricks",
    "",
    &["DATABRICKS_HOST"],
    &["DATABRICKS_TOKEN"],
    Quirks {
        stream_options: false,
        unsupported: &["seed", "user", "service_tier", "prompt_cache_key", "name"],
        error_codes: &[
            ("RESOURCE_DOES_NOT_EXIST", ErrorKind::ModelNotFound),
            ("ENDPOINT_NOT_FOUND", ErrorKind::ModelNotFound),
        ],
        ..OPEN
    },
)
.at("/serving-endpoints/chat/completions");

/// [Eden AI](https://www.edenai.co).
pub const EDENAI: Preset = Preset::hosted(
    "edenai",
    "https://api.edenai.run/v3",
    &["EDENAI_BASE_URL"],
    &["EDENAI_API_KEY"],
    PLAIN,
);

/// [GitHub Models](https://docs.github.com/en/github-models), with a token that may read models.
pub const GITHUB: Preset = Preset::hosted(
    "github",
    "https://models.github.ai/inference",
    &["GITHUB_MODELS_BASE_URL"],
    &["GITHUB_MODELS_TOKEN", "GITHUB_TOKEN"],
    Quirks { structured_output: StructuredOutput::Strict, ..PLAIN },
);

/// [GMI Cloud](https://www.gmicloud.ai).
pub const GMI: Preset = Preset::hosted(
    "gmi",
    "https://api.gmi-serving.com/v1",
    &["GMI_BASE_URL"],
    &["GMI_API_KEY", "GMI_CLOUD_API_KEY"],
    OPEN,
);

/// [Inception](https://www.inceptionlabs.ai), the home of Mercury.
pub const INCEPTION: Preset = Preset::hosted(
    "inception",
    "https://api.inceptionlabs.ai/v1",
    &["INCEPTION_BASE_URL"],
    &["INCEPTION_API_KEY"],
    Quirks { images: false, ..OPEN },
);

/// [Kenari](https://kenari.id).
pub const KENARI: Preset = Preset::hosted(
    "kenari",
    "https://kenari.id/v1",
    &["KENARI_BASE_URL"],
    &["KENARI_API_KEY"],
    Quirks { images: false, ..OPEN },
);

/// [The Llama API](https://llama.developer.meta.com).
pub const LLAMA: Preset = Preset::hosted(
    "llama",
    "https://api.llama.com/compat/v1",
    &["LLAMA_BASE_URL"],
    &["LLAMA_API_KEY"],
    Quirks { reasoning: ReasoningField::None, ..PLAIN },
);

/// [Meta](https://ai.meta.com)'s own models.
pub const META: Preset = Preset::hosted(
    "meta",
    "https://api.meta.ai/v1",
    &["META_BASE_URL"],
    &["MODEL_API_KEY"],
    Quirks { reasoning: ReasoningField::None, documents: Documents::File, ..PLAIN },
);

/// [Mozilla.ai](https://www.mozilla.ai)'s gateway.
pub const MZAI: Preset = Preset::hosted(
    "mzai",
    "https://platform-api.any-llm.ai/api/v1",
    &["MZAI_BASE_URL"],
    &["ANY_LLM_KEY"],
    Quirks { replay_thinking: ReplayThinking::Field("reasoning_content"), ..OPEN },
);

/// [Neosantara](https://neosantara.xyz).
pub const NEOSANTARA: Preset = Preset::hosted(
    "neosantara",
    "https://api.neosantara.xyz/v1",
    &["NEOSANTARA_BASE_URL"],
    &["NEOSANTARA_API_KEY"],
    Quirks { documents: Documents::File, ..OPEN },
);

/// [NVIDIA](https://build.nvidia.com)'s catalogue of models.
pub const NVIDIA: Preset = Preset::hosted(
    "nvidia",
    "https://integrate.api.nvidia.com/v1",
    &["NVIDIA_BASE_URL"],
    &["NVIDIA_API_KEY", "NIM_API_KEY"],
    OPEN,
);

/// An [Otari](https://github.com/mozilla-ai/otari) gateway, its own or hosted, whose root is in
/// `OTARI_API_BASE`; the model is named with its provider: `otari/openai:gpt-4o-mini`.
pub const OTARI: Preset = Preset::hosted(
    "otari",
    "https://api.otari.ai",
    &["OTARI_API_BASE", "GATEWAY_API_BASE"],
    &["OTARI_AI_TOKEN", "OTARI_API_KEY", "GATEWAY_API_KEY"],
    Quirks { version_path: "/v1", documents: Documents::File, ..OPEN },
)
.at("/v1/chat/completions");

/// [OVHcloud](https://endpoints.ai.cloud.ovh.net)'s AI endpoints.
pub const OVHCLOUD: Preset = Preset::hosted(
    "ovhcloud",
    "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    &["OVHCLOUD_BASE_URL"],
    &["OVHCLOUD_API_KEY", "OVH_AI_ENDPOINTS_ACCESS_TOKEN"],
    OPEN,
);

/// [Portkey](https://portkey.ai)'s gateway.
pub const PORTKEY: Preset = Preset::hosted(
    "portkey",
    "https://api.portkey.ai/v1",
    &["PORTKEY_BASE_URL"],
    &["PORTKEY_API_KEY"],
    Quirks { documents: Documents::File, thinking_tags: THINK, unsupported: &[], ..PLAIN },
);

/// [Qiniu](https://www.qiniu.com).
pub const QINIU: Preset = Preset::hosted(
    "qiniu",
    "https://api.qnaigc.com/v1",
    &["QINIU_BASE_URL"],
    &["QINIU_API_KEY"],
    OPEN,
);

/// [Requesty](https://www.requesty.ai).
pub const REQUESTY: Preset = Preset::hosted(
    "requesty",
    "https://router.requesty.ai/v1",
    &["REQUESTY_BASE_URL"],
    &["REQUESTY_API_KEY"],
    Quirks {
        structured_output: StructuredOutput::Strict,
        cache_marks: true,
        documents: Documents::File,
        unsupported: &[],
        ..PLAIN
    },
);

/// An endpoint of [Amazon SageMaker AI](https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html)
/// whose container speaks the dialect. `SAGEMAKER_BASE_URL` is its address up to `/openai/v1`;
/// `SAGEMAKER_API_KEY` is a bearer token, which the SDK of SageMaker makes for up to 12 hours.
pub const SAGEMAKER: Preset =
    Preset::hosted("sagemaker", "", &["SAGEMAKER_BASE_URL"], &["SAGEMAKER_API_KEY"], OPEN);

/// [Telnyx](https://telnyx.com).
pub const TELNYX: Preset = Preset::hosted(
    "telnyx",
    "https://api.telnyx.com/v2/ai",
    &["TELNYX_BASE_URL"],
    &["TELNYX_API_KEY"],
    OPEN,
);

/// The [model gateway](https://www.ibm.com/docs/en/watsonx/saas?topic=preview-accessing-models-through-model-gateway)
/// of IBM watsonx.ai; `WATSONX_URL` is the address of a region or a cluster.
pub const WATSONX: Preset = Preset::hosted(
    "watsonx",
    "https://us-south.ml.cloud.ibm.com",
    &["WATSONX_URL"],
    &["WATSONX_API_KEY", "WATSONX_APIKEY", "IBM_CLOUD_APIKEY"],
    Quirks { version_path: "/ml/gateway/v1", ..PLAIN },
)
.at("/ml/gateway/v1/chat/completions");

/// [Writer](https://writer.com), the home of Palmyra.
pub const WRITER: Preset = Preset::hosted(
    "writer",
    "https://api.writer.com/v1",
    &["WRITER_BASE_URL"],
    &["WRITER_API_KEY"],
    Quirks {
        reasoning: ReasoningField::None,
        unsupported: &[
            "top_k",
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "user",
            "service_tier",
            "prompt_cache_key",
            "parallel_tool_calls",
            "name",
        ],
        ..OPEN
    },
)
.at("/chat");
