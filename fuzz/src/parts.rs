//! Several values out of one run of bytes, cut so that seeds stay readable.

/// What stands before the first line feed, and what behind it.
pub fn line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|&byte| byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[]),
    }
}

/// The same as text, where it is UTF-8.
pub fn text_line(input: &[u8]) -> Option<(&str, &[u8])> {
    let (first, rest) = line(input);
    Some((std::str::from_utf8(first).ok()?, rest))
}

/// A number from the front; missing bytes are zeros.
pub fn number(input: &mut &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let taken = input.len().min(8);
    bytes[..taken].copy_from_slice(&input[..taken]);
    *input = &input[taken..];
    u64::from_le_bytes(bytes)
}
