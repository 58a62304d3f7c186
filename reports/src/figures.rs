//! Numbers as people read them: grouped, shortened, with their unit.
//!
//! Only text comes out; nothing here is parsed again or decided upon.

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const S: u64 = 1_000 * MS;
const MIN: u64 = 60 * S;
const H: u64 = 60 * MIN;
const DAY: u64 = 24 * H;

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// At most seven characters, for narrow places: `1,234`, `123.4 k`, `12.3 M`.
pub(crate) fn compact(count: u64) -> String {
    let (unit, name) = match count {
        0..100_000 => return grouped(count),
        100_000..1_000_000 => (1_000, "k"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        1_000_000_000..1_000_000_000_000 => (1_000_000_000, "G"),
        _ => (1_000_000_000_000, "T"),
    };
    format!("{}.{} {name}", count / unit, count % unit * 10 / unit)
}

/// `1 plan`, `2 plans`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A rate: whole and grouped from 100 on, else with one decimal.
pub(crate) fn rate(per_second: f64) -> String {
    if (100.0..1e18).contains(&per_second) {
        return grouped(per_second.round() as u64);
    }
    format!("{per_second:.1}")
}

/// `part` of `total` in percent with one decimal, rounded down so that nothing
/// looks reached that is not; `None` of nothing.
pub(crate) fn share(part: u64, total: u64) -> Option<String> {
    let tenths = (u128::from(part) * 1000).checked_div(u128::from(total))?;
    Some(format!("{}.{} %", tenths / 10, tenths % 10))
}

/// A simulated duration, in the two units that matter.
pub(crate) fn duration(ns: u64) -> String {
    let decimals =
        |unit: u64, name: &str| format!("{}.{:03} {name}", ns / unit, ns % unit * 1000 / unit);
    match ns {
        0..US => format!("{ns} ns"),
        US..MS => decimals(US, "us"),
        MS..S => decimals(MS, "ms"),
        S..MIN => decimals(S, "s"),
        MIN..H => format!("{} min {} s", ns / MIN, ns % MIN / S),
        H..DAY => format!("{} h {} min", ns / H, ns % H / MIN),
        _ => format!("{} d {} h", grouped(ns / DAY), ns % DAY / H),
    }
}

/// `text` without what a terminal would obey and XML forbids: every control
/// character but newline and tab becomes U+FFFD, and so do U+FFFE and U+FFFF.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// [`printable`] text on one line.
pub(crate) fn one_line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

/// `text` with a capital at its beginning.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        let texts = [0, 12, 999, 1_000, 65_536, u64::MAX].map(grouped);
        assert_eq!(texts, ["0", "12", "999", "1,000", "65,536", "18,446,744,073,709,551,615"]);
    }

    #[test]
    fn narrow_numbers_stay_narrow_and_never_round_up() {
        let texts = [99_999, 100_000, 999_999, 1_000_000, 12_399_999, 4_000_000_000].map(compact);
        assert_eq!(texts, ["99,999", "100.0 k", "999.9 k", "1.0 M", "12.3 M", "4.0 G"]);
    }

    #[test]
    fn durations_change_their_unit_where_it_helps() {
        let at = [999, 1_000, 1_204_331, 59_999_999_999, 60_000_000_000, 3_725_000_000_000];
        let texts = at.map(duration);
        assert_eq!(texts, ["999 ns", "1.000 us", "1.204 ms", "59.999 s", "1 min 0 s", "1 h 2 min"]);
        assert_eq!(duration(u64::MAX), "213,503 d 23 h");
    }

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(share(5_999, 10_000).as_deref(), Some("59.9 %"));
        assert_eq!(share(u64::MAX, u64::MAX).as_deref(), Some("100.0 %"));
        assert_eq!(share(0, 0), None);
    }

    #[test]
    fn rates_keep_a_decimal_while_they_are_small() {
        assert_eq!([0.04, 12.34, 1234.5].map(rate), ["0.0", "12.3", "1,235"]);
    }

    #[test]
    fn what_a_terminal_obeys_or_xml_forbids_is_replaced() {
        let text = "a\tb\nc\u{1b}[31m\u{0}\r\u{9b}\u{fffe}é";
        assert_eq!(printable(text), "a\tb\nc\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}é");
    }
}
