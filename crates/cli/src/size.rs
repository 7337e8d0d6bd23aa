//! Sizes in bytes, as a command line gives them: `65536`, `64KiB`, `2MiB`.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no size: use a whole number of bytes, KiB, MiB or GiB, such as 2MiB");
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor = match &text[digits.len()..] {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1,
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: Option<u64> = digits.parse().ok();
        number
            .and_then(|n| n.checked_mul(factor))
            .map(Size)
            .ok_or_else(|| format!("{text:?} is more bytes than an address can name"))
    }
}

/// In the largest unit that needs no fraction.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().rev().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_print_as_they_parse() {
        for (text, bytes) in [("64KiB", 65_536), ("2MiB", 2 << 20), ("1GiB", 1 << 30), ("100", 100), ("0", 0)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)));
            assert_eq!(Size(bytes).to_string(), text);
        }
        assert_eq!("1024".parse::<Size>().unwrap().to_string(), "1KiB");
    }

    #[test]
    fn wrong_sizes_say_what_is_right() {
        for text in ["", "MiB", "2MB", "2mib", "-1", "1.5MiB", "2 MiB", "+2", "0x10"] {
            assert!(text.parse::<Size>().unwrap_err().contains("such as 2MiB"), "{text}");
        }
        assert!("99999999999GiB".parse::<Size>().unwrap_err().contains("more bytes"));
    }
}
