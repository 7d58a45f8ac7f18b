//! [`Host`] and [`ToolContext`]: what the program gives to its tools, and the model never sees.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::sync::Arc;

use crate::{Error, ErrorKind, Result, Scope};

/// Values of the program that its tools use: a database, the user who asks, a client. Found by type;
/// cheap to clone.
///
/// Nothing of it is described or sent to a model.
///
/// ```
/// use meanwhile_core::Host;
///
/// struct User {
///     name: &'static str,
/// }
///
/// let host = Host::new().with(User { name: "Ada" });
/// assert_eq!(host.get::<User>().unwrap().name, "Ada");
/// assert!(host.get::<String>().is_none());
/// ```
#[derive(Clone, Default)]
pub struct Host {
    // A handful at most: a list is quicker than a map.
    values: Vec<HostValue>,
}

#[derive(Clone)]
struct HostValue {
    ty: HostType,
    value: Arc<dyn Any + Send + Sync>,
}

/// The type of a [`Host`] value that a tool needs.
///
/// ```
/// use meanwhile_core::{Host, HostType};
///
/// struct Database;
///
/// // What a tool returns from `needs`, so that a call without it fails before anything is sent.
/// let needed = HostType::of::<Database>();
/// assert!(needed.name().ends_with("Database"));
/// assert!(!Host::new().has(needed));
/// assert!(Host::new().with(Database).has(needed));
/// ```
#[derive(Clone, Copy)]
pub struct HostType {
    id: TypeId,
    name: &'static str,
}

impl HostType {
    /// Names the type `T`.
    #[must_use]
    pub fn of<T: Send + Sync + 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: type_name::<T>() }
    }

    /// The type's path, as the compiler writes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl PartialEq for HostType {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for HostType {}

impl fmt::Debug for HostType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Host {
    /// Makes an empty host.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value; one of the same type is replaced.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.insert(HostValue { ty: HostType::of::<T>(), value: Arc::new(value) });
        self
    }

    /// Adds the values of `lower` of whose types there is none yet.
    #[must_use]
    pub fn or(mut self, lower: Self) -> Self {
        for value in lower.values {
            if !self.has(value.ty) {
                self.values.push(value);
            }
        }
        self
    }

    fn insert(&mut self, value: HostValue) {
        match self.values.iter_mut().find(|known| known.ty == value.ty) {
            Some(slot) => *slot = value,
            None => self.values.push(value),
        }
    }

    /// Whether there is a value of the type.
    #[must_use]
    pub fn has(&self, ty: HostType) -> bool {
        self.values.iter().any(|value| value.ty == ty)
    }

    /// Finds the value of a type.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let ty = HostType::of::<T>();
        let found = self.values.iter().find(|value| value.ty == ty)?;
        Arc::clone(&found.value).downcast().ok()
    }
}

impl fmt::Debug for Host {
    // The types only: the values are the program's own, and may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values.iter().map(|value| value.ty)).finish()
    }
}

/// What a tool is run with beside its arguments.
///
/// ```
/// # use meanwhile_core::{Error, ErrorKind, Host, ToolContext};
/// struct User {
///     name: &'static str,
/// }
///
/// let context = ToolContext::new(Host::new().with(User { name: "Ada" }));
/// assert_eq!(context.host::<User>()?.name, "Ada");
/// // The error says how the call is given one.
/// let error = context.host::<String>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ToolContext {
    /// The values of the program.
    pub host: Host,
    /// How many answers the model has given in this run, the one with this call included. 0 outside
    /// of a run.
    pub turn: u32,
}

impl ToolContext {
    /// Makes a context with these values of the program.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { host, turn: 0 }
    }

    /// Makes the context of a tool that is run by hand: with the values of the scope around.
    #[must_use]
    pub fn current() -> Self {
        Self::new(Scope::current().host())
    }

    /// Finds the value of a type that the tool cannot do without.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when nobody gave one.
    pub fn host<T: Send + Sync + 'static>(&self) -> Result<Arc<T>> {
        self.host.get().ok_or_else(|| {
            let name = type_name::<T>();
            let message = format!("a tool needs a `{name}`; give the call one with `.host(value)`");
            Error::new(ErrorKind::Config, message)
        })
    }
}
