//! [`seconds`]: the time stamps of answers, which are text on this wire.

/// Reads a time stamp (`2025-01-31T12:30:00.5-07:00`) as seconds since 1970; `None` where it is none,
/// or before that.
pub(crate) fn seconds(stamp: &str) -> Option<u64> {
    let (date, time) = stamp.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone)?;
    let clock = clock.split(['.', ',']).next()?;
    let mut clock = clock.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let offset = match zone.split_at_checked(1)? {
        ("Z" | "z", _) => 0,
        (sign, distance) => {
            let (hours, minutes) = distance.split_once(':')?;
            let number = |text: &str| text.parse::<u8>().ok().map(i64::from);
            let minutes = number(hours)? * 60 + number(minutes)?;
            if sign == "-" { -minutes * 60 } else { minutes * 60 }
        }
    };
    let sane = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && (-86_400..=86_400).contains(&offset);
    if !sane {
        return None;
    }
    // Counted in years that begin in March, so that the leap day is the last one.
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    let days = 365 * shifted + leap_days + day_of_year - 719_468;
    u64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second - offset).ok()
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn stamps_are_read() {
        for (stamp, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2023-08-04T08:52:19.385406455-07:00", Some(1_691_164_339)),
            ("2023-12-12T14:13:43.416799Z", Some(1_702_390_423)),
            ("2024-02-29T23:59:59+01:00", Some(1_709_247_599)),
            ("2000-03-01T00:00:00Z", Some(951_868_800)),
            ("1969-12-31T23:59:59Z", None),
            ("0001-01-01T00:00:00Z", None),
            ("yesterday", None),
            ("2024-13-01T00:00:00Z", None),
            ("2024-01-01T00:00:00", None),
            ("2026-01-01T00:00:00+999999999999999999:00", None),
            ("2026-01-01T00:00:00-00:999999999999999999", None),
            ("2026-01-01T00:00:00+255:00", None),
            ("9223372036854775807-01-01T00:00:00Z", None),
            ("2026-01-01T9223372036854775807:00:00Z", None),
        ] {
            assert_eq!(seconds(stamp), expected, "{stamp}");
        }
    }
}
