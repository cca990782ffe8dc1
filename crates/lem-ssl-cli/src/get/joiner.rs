//! Characters that are not seen and still belong into names, where they join what stands beside them: those between letters of
//! Persian and of the scripts of India (U+200C, U+200D), and those within an emoji (U+200D, U+FE0F).

/// Keeps two letters apart that would be joined.
const NON_JOINER: char = '\u{200c}';

/// Joins two letters, or two emoji to one.
const JOINER: char = '\u{200d}';

/// Makes an emoji of the character before it.
const EMOJI_STYLE: char = '\u{fe0f}';

/// The frame around a key.
const KEYCAP: char = '\u{20e3}';

/// The name without the joiners that join something. Those that join nothing stay: they make a name look like another one.
pub(super) fn unjoined(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let is_left = |at: usize| !joins(&letters[..at], letters[at], &letters[at + 1..]);
    (0..letters.len()).filter(|at| is_left(*at)).map(|at| letters[at]).collect()
}

/// Whether `letter` is a joiner that has something to join. For letters that is as names of hosts have it (RFC 5892 appendices
/// A.1 and A.2), but for each kind of joiner between two letters of a script that has them.
fn joins(before: &[char], letter: char, after: &[char]) -> bool {
    let Some(&next) = after.first() else { return false };
    match (letter, before) {
        (EMOJI_STYLE, [.., '0'..='9' | '#' | '*']) => next == KEYCAP,
        (EMOJI_STYLE, [.., last]) => is_emoji(*last),
        (JOINER, [.., first, EMOJI_STYLE]) => is_emoji(*first) && is_emoji(next),
        (JOINER, [.., last]) if is_emoji(*last) => is_emoji(next),
        (JOINER | NON_JOINER, [.., last]) => is_virama(*last) || is_joined(*last) && is_joined(next),
        _ => false,
    }
}

/// Whether it is of a script whose letters are joined: Arabic and its neighbours, those of India and of Sri Lanka, Myanmar,
/// Khmer, Mongolian, and the forms of Arabic letters.
fn is_joined(letter: char) -> bool {
    matches!(
        letter,
        '\u{600}'..='\u{8ff}'
            | '\u{900}'..='\u{dff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{18aa}'
            | '\u{fb50}'..='\u{fdff}'
            | '\u{fe70}'..='\u{fefc}'
    )
}

/// Whether it takes the vowel from the consonant before it, which a joiner behind it then shapes, whatever follows
/// (`Canonical_Combining_Class=Virama` of Unicode, in the scripts above).
fn is_virama(letter: char) -> bool {
    matches!(
        letter,
        '\u{94d}'
            | '\u{9cd}'
            | '\u{a4d}'
            | '\u{acd}'
            | '\u{b4d}'
            | '\u{bcd}'
            | '\u{c4d}'
            | '\u{ccd}'
            | '\u{d3b}'..='\u{d3c}'
            | '\u{d4d}'
            | '\u{dca}'
            | '\u{1039}'..='\u{103a}'
            | '\u{17d2}'
    )
}

/// Whether it is an emoji, or becomes one.
fn is_emoji(letter: char) -> bool {
    matches!(
        letter,
        '\u{a9}'
            | '\u{ae}'
            | '\u{203c}'
            | '\u{2049}'
            | '\u{2122}'
            | '\u{2139}'
            | '\u{2190}'..='\u{21ff}'
            | '\u{2300}'..='\u{23ff}'
            | '\u{24c2}'
            | '\u{25a0}'..='\u{27bf}'
            | '\u{2934}'..='\u{2935}'
            | '\u{2b05}'..='\u{2b55}'
            | '\u{3030}'
            | '\u{303d}'
            | '\u{3297}'
            | '\u{3299}'
            | '\u{1f000}'..='\u{1faff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether all joiners of the name join something.
    fn is_joined_well(name: &str) -> bool {
        !unjoined(name).contains([NON_JOINER, JOINER, EMOJI_STYLE])
    }

    #[test]
    fn joiners_stand_between_letters_that_they_join_and_within_an_emoji() {
        for name in [
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}.pdf",
            "\u{0915}\u{094d}\u{200d}\u{0937}.txt",
            "\u{0915}\u{094d}\u{200c}\u{0937}.txt",
            "\u{0d05}\u{0d35}\u{0d28}\u{0d4d}\u{200d}.pdf",
            "\u{0dc1}\u{0dca}\u{200d}\u{0dbb}\u{0dd3}.pdf",
            "\u{2764}\u{fe0f}.png",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}.png",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}.png",
            "\u{1f469}\u{1f3fd}\u{200d}\u{2695}\u{fe0f}.png",
            "1\u{fe0f}\u{20e3}.png",
            "plain.txt",
        ] {
            assert!(is_joined_well(name), "{name}");
        }
    }

    #[test]
    fn joiners_that_join_nothing_stay() {
        for joiner in [NON_JOINER, JOINER, EMOJI_STYLE] {
            for (before, after) in [
                ("", ""),
                ("", "\u{645}"),
                ("", "\u{1f525}"),
                ("\u{645}", ""),
                ("\u{1f525}", ""),
                ("pay", "pal.exe"),
                ("\u{645}", ".pdf"),
                ("\u{645}", "pdf"),
                ("1", "2"),
                ("\u{645}\u{200c}", "\u{645}"),
                ("\u{645} ", "\u{645}"),
            ] {
                let name = format!("{before}{joiner}{after}");
                assert!(!is_joined_well(&name), "{}", name.escape_unicode());
            }
        }
        assert!(!is_joined_well("\u{1f525}\u{200c}\u{1f525}"));
        assert!(!is_joined_well("\u{2764}\u{fe0f}\u{fe0f}.png"));
    }
}
