//! Figures, as people and programs read them.

pub(crate) mod json;
mod machine;
pub(crate) mod plot;
pub(crate) mod table;

/// A number with as many digits as it deserves.
fn number(value: f64) -> String {
    if value >= 1000.0 {
        let digits = format!("{value:.0}");
        let mut text = String::new();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let texts: Vec<_> = [0.1234, 12.34, 123.4, 1234.5, 1_234_567.0].map(number).into();
        assert_eq!(texts, ["0.12", "12.3", "123", "1,234", "1,234,567"]);
    }
}
