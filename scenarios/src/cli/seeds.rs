//! Seeds and shares as people write them.

use std::ops::Range;

/// A seed: decimal, `0x…`, or a commit id of 40 hex digits, of which the first 16 count.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    let parsed = if let Some(hex) = text.strip_prefix("0x") {
        u64::from_str_radix(hex, 16).ok()
    } else if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        u64::from_str_radix(&text[..16], 16).ok()
    } else {
        text.parse().ok()
    };
    parsed.ok_or_else(|| {
        format!("`{text}` is not a seed; give a decimal number, 0x and hex digits, or a commit id of 40 hex digits")
    })
}

/// Seeds: a number of them from 0 on, `A..B`, or `A+N`, which are N from A on.
pub(super) fn seeds(text: &str) -> Result<Range<u64>, String> {
    if let Some((from, count)) = text.split_once('+') {
        let (from, count) = (seed(from)?, seed(count)?);
        let to = from.checked_add(count);
        return to.map(|to| from..to).ok_or_else(|| {
            format!("`{text}` goes beyond {}, the last seed; give a smaller number", u64::MAX)
        });
    }
    let Some((from, to)) = text.split_once("..") else {
        return Ok(0..seed(text)?);
    };
    let (from, to) = (seed(from)?, seed(to)?);
    if from > to {
        return Err(format!("`{text}` ends before it begins"));
    }
    Ok(from..to)
}

/// A share `K/N`, counted from 1: which, and of how many.
pub(super) fn share(text: &str) -> Result<(u64, u64), String> {
    let number = |part: &str| part.parse::<u64>().ok();
    let parsed = text.split_once('/').and_then(|(k, n)| Some((number(k)?, number(n)?)));
    match parsed {
        Some((k, n)) if 0 < k && k <= n => Ok((k - 1, n)),
        _ => Err(format!("`{text}` is not a share; give K/N with K from 1 to N, as in 1/4")),
    }
}

/// A time such as `90s` or `8m`.
pub(super) fn time(text: &str) -> Result<std::time::Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; give a time as in 90s or 8m"))
}

/// A share, with or without its sign: 100%.
pub(super) fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let percent = number.trim().parse().ok().filter(|percent| *percent <= 100);
    percent.ok_or_else(|| format!("`{text}` is no share; give a number from 0 to 100, as 100%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_in_every_form() {
        assert_eq!(seed("17"), Ok(17));
        assert_eq!(seed("0xff"), Ok(255));
        assert_eq!(seed("00000000000000ff0123456789abcdef01234567"), Ok(255));
        assert_eq!(seeds("5"), Ok(0..5));
        assert_eq!(seeds("3..9"), Ok(3..9));
        assert_eq!(seeds("0xff+5"), Ok(255..260));
        assert_eq!(seeds("00000000000000ff0123456789abcdef01234567+2"), Ok(255..257));
        assert!(seeds("0xffffffffffffffff+1").is_err_and(|error| error.contains("smaller number")));
        assert!(seeds("3+").is_err() && seeds("+3").is_err() && seeds("1+2+3").is_err());
        for wrong in ["", "-1", "x", "0x", "1e5", "18446744073709551616"] {
            assert!(seed(wrong).is_err(), "{wrong}");
        }
        assert!(seeds("9..3").is_err());
    }

    #[test]
    fn shares_count_from_one() {
        assert_eq!(share("1/4"), Ok((0, 4)));
        assert_eq!(share("4/4"), Ok((3, 4)));
        for wrong in ["0/4", "5/4", "4", "a/b", "1/0"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
