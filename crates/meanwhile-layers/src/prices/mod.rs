//! [`Prices`]: what models cost, from a table that comes with the crate and can be overridden.

mod price;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use meanwhile_core::{Error, ErrorKind, Pricing, Response, Result, Usage, Usd};
use serde::Deserialize;
use serde_json::{Map, Value};

pub use price::{Cost, Price, PriceAbove};

/// The table that comes with the crate; it names its date and sources.
const BUNDLED: &str = include_str!("../../data/prices.json");

/// What the models of the providers cost. Cheap to clone; a change makes a copy of its own.
///
/// A model is found by its id, without regard to case, and without a date (`gpt-4o-2024-08-06`) or a
/// version of a host (`-v1:0`) behind it where the whole id has no row; never by anything else that
/// it begins with, so that `gpt-4o-mini` is not taken for `gpt-4o`. What is not known is `None`. Prices
/// are of tokens only: what a provider charges for a search or for storage is not in them.
///
/// ```
/// use meanwhile_core::{Usage, Usd};
/// use meanwhile_layers::{Price, Prices};
///
/// let prices = Prices::bundled()
///     .with("acme", "smart-1", Price::new(Usd::dollars(2), Usd::dollars(8)));
///
/// // 1,000 tokens at $0.15 and 500 at $0.60 for a million.
/// let cost = prices.cost("openai", "gpt-4o-mini-2024-07-18", None, &Usage::totals(1_000, 500)).unwrap();
/// assert_eq!(cost.total(), "0.00045".parse()?);
/// assert_eq!(prices.cost("acme", "smart-2", None, &Usage::totals(1, 1)), None);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Prices(Arc<Table>);

#[derive(Debug, Clone, Default)]
struct Table {
    date: Option<String>,
    aliases: HashMap<String, String>,
    providers: HashMap<String, Rows>,
}

#[derive(Debug, Clone, Default)]
struct Rows {
    exact: HashMap<String, Arc<Price>>,
    // Beginnings of ids that were written with a `*`; the longest that fits wins.
    beginnings: Vec<(String, Arc<Price>)>,
    prefixes: Vec<String>,
    then: Vec<String>,
}

/// A table as it is written.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    aliases: HashMap<String, String>,
    #[serde(default)]
    providers: HashMap<String, WrittenRows>,
}

#[derive(Deserialize)]
struct WrittenRows {
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    then: Vec<String>,
    #[serde(default)]
    rows: Vec<WrittenRow>,
}

#[derive(Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct WrittenRow {
    models: Vec<String>,
    price: Price,
}

impl TryFrom<Map<String, Value>> for WrittenRow {
    type Error = serde_json::Error;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, Self::Error> {
        let models = fields.remove("models").unwrap_or_default();
        let price = serde_json::from_value(Value::Object(fields))?;
        Ok(Self { models: serde_json::from_value(models)?, price })
    }
}

impl Prices {
    /// Makes a table without rows.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The table that comes with the crate. Prices change: [`date`](Self::date) says how old it is.
    #[must_use]
    pub fn bundled() -> Self {
        static TABLE: OnceLock<Prices> = OnceLock::new();
        // That the file can be read is tested; there is nothing that a caller could do about it.
        TABLE.get_or_init(|| Self::none().with_json(BUNDLED).unwrap_or_default()).clone()
    }

    /// When the prices were looked up, as `YYYY-MM-DD`; of the last table read that says so.
    #[must_use]
    pub fn date(&self) -> Option<&str> {
        self.0.date.as_deref()
    }

    /// Sets the price of a model, in place of what is known of it. An id that ends in `*` stands for
    /// all that begin with the rest.
    #[must_use]
    pub fn with(mut self, provider: &str, model: &str, price: Price) -> Self {
        let table = Arc::make_mut(&mut self.0);
        table.rows(provider).insert(model, Arc::new(price));
        self
    }

    /// Adds the rows of a table written as JSON, in place of those for the same models:
    ///
    /// ```
    /// # use meanwhile_core::Usage;
    /// # use meanwhile_core::Usd;
    /// # use meanwhile_layers::Prices;
    /// let prices = Prices::bundled().with_json(r#"{"providers": {"acme": {"rows": [
    ///     {"models": ["smart-1", "smart-1-preview"], "input": 2, "cache_read": 0.5, "output": 8,
    ///      "above": [{"tokens": 200000, "input": 4, "cache_read": 1, "output": 12}]}
    /// ]}}}"#)?;
    /// let cost = prices.cost("acme", "smart-1", None, &Usage::totals(1_000_000, 0)).unwrap();
    /// assert_eq!(cost.total(), Usd::dollars(4));
    /// # Ok::<(), meanwhile_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it is no such table.
    pub fn with_json(mut self, json: &str) -> Result<Self> {
        let written: Written = serde_json::from_str(json).map_err(|source| {
            let message = format!("the table of prices cannot be read: {source}");
            Error::new(ErrorKind::Config, message).with_source(source)
        })?;
        let table = Arc::make_mut(&mut self.0);
        table.date = written.date.or(table.date.take());
        table.aliases.extend(written.aliases);
        for (provider, written) in written.providers {
            let rows = table.rows(&provider);
            rows.prefixes.extend(written.prefixes);
            rows.then.extend(written.then);
            for row in written.rows {
                let price = Arc::new(row.price);
                for model in row.models {
                    rows.insert(&model, Arc::clone(&price));
                }
            }
        }
        Ok(self)
    }

    /// Adds the rows of a file, as [`with_json`](Self::with_json). Reads it in place, which blocks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the file cannot be read or holds no such table.
    pub fn with_file(self, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let json = std::fs::read_to_string(path).map_err(|source| {
            let message = format!("the table of prices in {} cannot be read", path.display());
            Error::new(ErrorKind::Config, message).with_source(source)
        })?;
        self.with_json(&json)
    }

    /// The price of a model, where it is known.
    #[must_use]
    pub fn price(&self, provider: &str, model: &str) -> Option<&Price> {
        let model = model.to_lowercase();
        let id = self.0.canonical(provider);
        let rows = self.0.providers.get(id)?;
        let then = rows.then.iter().filter_map(|other| self.0.providers.get(other));
        std::iter::once(rows).chain(then).find_map(|rows| rows.find(&model))
    }

    /// What an answer of `model` with these counts cost, in its parts, at the tier of service that gave
    /// it, or else the standard one; `None` where a price or a count that is needed is not known.
    #[must_use]
    pub fn cost(
        &self,
        provider: &str,
        model: &str,
        service_tier: Option<&str>,
        usage: &Usage,
    ) -> Option<Cost> {
        self.price(provider, model)?.cost(usage, service_tier)
    }

    /// What an answer cost at the tier of service that gave it. An answer out of a cache cost
    /// nothing. A name of the answer that has no price costs what the model costs that was asked for,
    /// where the answer knows it.
    #[must_use]
    pub fn cost_of(&self, response: &Response) -> Option<Cost> {
        if response.cached {
            return Some(Cost::default());
        }
        let Response { provider, model, requested_model, usage, .. } = response;
        let price = |model: &str| self.price(provider, model);
        let price = price(model).or_else(|| price(requested_model.as_deref()?))?;
        price.cost(usage, response.service_tier.as_deref())
    }
}

impl Pricing for Prices {
    fn cost(
        &self,
        provider: &str,
        model: &str,
        service_tier: Option<&str>,
        usage: &Usage,
    ) -> Option<Usd> {
        Some(self.cost(provider, model, service_tier, usage)?.total())
    }
}

impl Table {
    fn canonical<'a>(&'a self, provider: &'a str) -> &'a str {
        self.aliases.get(provider).map_or(provider, String::as_str)
    }

    fn rows(&mut self, provider: &str) -> &mut Rows {
        let id = self.canonical(provider).to_owned();
        self.providers.entry(id).or_default()
    }
}

impl Rows {
    fn insert(&mut self, model: &str, price: Arc<Price>) {
        let model = model.to_lowercase();
        let Some(beginning) = model.strip_suffix('*') else {
            self.exact.insert(model, price);
            return;
        };
        self.beginnings.retain(|(known, _)| known != beginning);
        self.beginnings.push((beginning.to_owned(), price));
        self.beginnings.sort_by_key(|(known, _)| std::cmp::Reverse(known.len()));
    }

    fn find(&self, model: &str) -> Option<&Price> {
        let bare = self.prefixes.iter().filter_map(|prefix| model.strip_prefix(prefix.as_str()));
        let mut names = std::iter::once(model).chain(bare);
        names.find_map(|name| self.find_bare(name))
    }

    fn find_bare(&self, model: &str) -> Option<&Price> {
        let mut name = Some(model);
        while let Some(id) = name {
            if let Some(price) = self.exact.get(id) {
                return Some(price);
            }
            name = shorter(id);
        }
        let mut beginnings = self.beginnings.iter();
        beginnings.find(|(known, _)| model.starts_with(known.as_str())).map(|(_, price)| &**price)
    }
}

/// The id without what says which release of the model it is: `-v1:0`, `-latest`, `-2024-08-06`,
/// `-20240806`, `@20240806`. `None` where it ends in none of these.
fn shorter(id: &str) -> Option<&str> {
    let is = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let version = |text: &str| {
        let number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let text = text.strip_prefix('v')?;
        let (major, minor) = text.split_once(':').unwrap_or((text, "0"));
        (number(major) && number(minor)).then_some(())
    };
    let (rest, last) = id.rsplit_once(['-', '@'])?;
    if last == "latest" || is(last, 8) || version(last).is_some() {
        return Some(rest);
    }
    let (rest, month) = rest.rsplit_once('-')?;
    let (rest, year) = rest.rsplit_once('-')?;
    (is(last, 2) && is(month, 2) && is(year, 4)).then_some(rest)
}
