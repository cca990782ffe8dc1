//! Rust source cut into the few kinds of tokens that paths are made of.

/// What remains of a source text; literals, lifetimes and comments do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or a keyword, raw ones without their `r#`.
    Ident(String),
    /// `::`
    PathSep,
    /// Any other character.
    Punct(char),
}

impl Token {
    pub(crate) fn ident(&self) -> Option<&str> {
        match self {
            Self::Ident(name) => Some(name),
            _ => None,
        }
    }
}

/// A token and the line that it starts on, counted from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) line: usize,
}

/// Cuts `text` into tokens. Never fails: what it does not understand is punctuation.
pub(crate) fn tokens(text: &str) -> Vec<Spanned> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1, found: Vec::new() };
    while let Some(c) = lexer.peek(0) {
        lexer.step(c);
    }
    lexer.found
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    found: Vec<Spanned>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Passes over one character.
    fn bump(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn push(&mut self, token: Token) {
        let line = self.line;
        self.found.push(Spanned { token, line });
    }

    fn step(&mut self, c: char) {
        match (c, self.peek(1)) {
            ('/', Some('/')) => self.skip_while(|c| c != '\n'),
            ('/', Some('*')) => self.skip_block_comment(),
            ('"', _) => self.skip_quoted('"'),
            ('\'', _) => self.skip_char_or_lifetime(),
            (':', Some(':')) => {
                self.push(Token::PathSep);
                self.at += 2;
            }
            _ if c.is_ascii_digit() => self.skip_while(is_ident_char),
            _ if is_ident_char(c) => self.ident_or_prefixed_literal(),
            _ => {
                if !c.is_whitespace() {
                    self.push(Token::Punct(c));
                }
                self.bump();
            }
        }
    }

    fn skip_while(&mut self, keep_going: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&keep_going) {
            self.bump();
        }
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.bump();
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_quoted(&mut self, quote: char) {
        self.bump();
        while let Some(c) = self.bump() {
            if c == '\\' {
                self.bump();
            } else if c == quote {
                return;
            }
        }
    }

    /// Stands behind the `r` of a raw string; `hashes` of them before the quote.
    fn skip_raw_string(&mut self, hashes: usize) {
        self.at += hashes + 1;
        while let Some(c) = self.bump() {
            if c == '"' && (0..hashes).all(|n| self.peek(n) == Some('#')) {
                self.at += hashes;
                return;
            }
        }
    }

    /// `'x'` and `'\n'` are characters; `'x` without a second quote is a lifetime.
    fn skip_char_or_lifetime(&mut self) {
        if self.peek(1) == Some('\\') || self.peek(2) == Some('\'') {
            self.skip_quoted('\'');
        } else {
            self.bump();
            self.skip_while(is_ident_char);
        }
    }

    fn ident_or_prefixed_literal(&mut self) {
        let start = self.at;
        self.skip_while(is_ident_char);
        let name: String = self.chars[start..self.at].iter().collect();
        let hashes = (0..).take_while(|n| self.peek(*n) == Some('#')).count();
        match (name.as_str(), self.peek(hashes)) {
            ("r" | "br" | "cr", Some('"')) => self.skip_raw_string(hashes),
            ("b" | "c", Some('"')) if hashes == 0 => self.skip_quoted('"'),
            ("b", Some('\'')) if hashes == 0 => self.skip_quoted('\''),
            ("r", Some(c)) if hashes == 1 && is_ident_char(c) => {
                self.at += 1;
                self.ident_or_prefixed_literal();
            }
            _ => self.push(Token::Ident(name)),
        }
    }
}

fn is_ident_char(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let name = |spanned: Spanned| spanned.token.ident().map(str::to_owned);
        tokens(text).into_iter().filter_map(name).collect()
    }

    #[test]
    fn comments_of_every_kind_are_gone() {
        let text = "a // crate::b\n/// crate::c\n//! d\n/* e /* f */ g */ h /** i */ j";
        assert_eq!(words(text), ["a", "h", "j"]);
    }

    #[test]
    fn strings_of_every_kind_are_gone() {
        let text = r####"a "b \" c" d r"e" f r#"g " h"# i b"j" k br##"l "# m"## n c"o" p"####;
        assert_eq!(words(text), ["a", "d", "f", "i", "k", "n", "p"]);
    }

    #[test]
    fn characters_and_lifetimes_are_told_apart() {
        let text = r"fn a<'b>(c: &'b str) { '{' ; '\'' ; b'}' ; '\u{7d}' ; 'é' ; 'd: loop {} }";
        let braces = tokens(text).iter().filter(|spanned| matches!(spanned.token, Token::Punct('{' | '}'))).count();
        assert_eq!(braces, 4);
        assert_eq!(words(text), ["fn", "a", "c", "str", "loop"]);
    }

    #[test]
    fn raw_identifiers_lose_their_prefix() {
        assert_eq!(words("r#type r2 r#\"s\"#"), ["type", "r2"]);
    }

    #[test]
    fn lines_are_counted_through_comments_and_strings() {
        let found = tokens("/*\n*/ \"\n\n\" a\nb");
        let lines: Vec<_> = found.iter().map(|spanned| spanned.line).collect();
        assert_eq!(lines, [4, 5]);
    }

    #[test]
    fn text_that_ends_in_the_middle_of_something_ends() {
        for text in ["\"abc", "/* abc", "r#\"abc\"", "'", "'\\", "r#", "a::"] {
            tokens(text);
        }
    }
}
