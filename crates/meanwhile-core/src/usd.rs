//! [`Usd`]: an exact amount of money, counted in trillionths of a US dollar.

use std::fmt;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

use crate::{Error, ErrorKind};

/// Trillionths in a dollar.
const SCALE: u128 = 1_000_000_000_000;
/// Digits of a fraction that can be kept.
const DIGITS: usize = 12;

/// An amount of US dollars, exact to a trillionth. Never negative.
///
/// ```
/// use meanwhile_core::Usd;
///
/// let price: Usd = "0.075".parse()?;
/// assert_eq!(price + Usd::cents(250), "2.575".parse()?);
/// assert_eq!(Usd::dollars(3).to_string(), "$3.00");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(u128);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Makes an amount of whole dollars.
    #[must_use]
    pub const fn dollars(dollars: u64) -> Self {
        Self(dollars as u128 * SCALE)
    }

    /// Makes an amount of whole cents.
    #[must_use]
    pub const fn cents(cents: u64) -> Self {
        Self(cents as u128 * (SCALE / 100))
    }

    /// Makes an amount of trillionths of a dollar.
    #[must_use]
    pub const fn trillionths(trillionths: u128) -> Self {
        Self(trillionths)
    }

    /// The amount in trillionths of a dollar.
    #[must_use]
    pub const fn as_trillionths(self) -> u128 {
        self.0
    }

    /// The amount as a floating-point number of dollars, for charts; it may be rounded.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the documentation says so")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / SCALE as f64
    }

    /// Subtracts, down to nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// What `tokens` tokens cost at this price for a million.
    #[must_use]
    pub fn of_tokens(self, tokens: u64) -> Self {
        Self(self.0.saturating_mul(u128::from(tokens)) / 1_000_000)
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl FromStr for Usd {
    type Err = Error;

    /// Reads a decimal number of dollars, such as `0.075` or `$12`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it is no number, negative, or finer than a trillionth.
    fn from_str(text: &str) -> Result<Self, Error> {
        read(text.trim().trim_start_matches('$')).map(Self).ok_or_else(|| {
            let message = format!(
                "`{text}` is no amount of dollars; write a decimal number that is not negative and \
                 has at most {DIGITS} digits behind the point"
            );
            Error::new(ErrorKind::Config, message)
        })
    }
}

fn read(text: &str) -> Option<u128> {
    // Very small numbers are written with an exponent, in JSON too.
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let mut number = 0_u128;
    for digit in whole.bytes().chain(fraction.bytes()) {
        number = number.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
    }
    let fraction = i32::try_from(fraction.len()).ok()?;
    let shift = i32::try_from(DIGITS).ok()?.checked_add(exponent)?.checked_sub(fraction)?;
    let power = 10_u128.checked_pow(shift.unsigned_abs());
    match (shift >= 0, power) {
        (true, Some(power)) => number.checked_mul(power),
        (false, Some(power)) if number.is_multiple_of(power) => Some(number / power),
        _ if number == 0 => Some(0),
        _ => None,
    }
}

impl fmt::Display for Usd {
    /// Writes dollars with at least two digits behind the point, and as many as are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:0DIGITS$}", self.0 % SCALE);
        let kept = fraction.trim_end_matches('0');
        write!(f, "${}.{kept:0<2}", self.0 / SCALE)
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.to_string().trim_start_matches('$'))
    }
}

impl<'de> Deserialize<'de> for Usd {
    /// Reads a string or a number; a number is taken as it is written, not as it is rounded.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(Number),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            // The shortest text that reads as this number is what was written.
            Written::Number(number) => number.to_string(),
        };
        text.parse().map_err(|error: Error| serde::de::Error::custom(error.message().to_owned()))
    }
}
