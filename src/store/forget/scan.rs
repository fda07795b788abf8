//! Searches bytes for texts, many at a time, whatever the case of their ASCII letters.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Shorter texts are found everywhere by chance.
pub(super) const SHORTEST: usize = 4;

/// So much of a long text is searched: what is longer lies on several pages, in pieces.
const LONGEST: usize = 96;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Texts that are searched. They are told by their numbers.
pub(super) struct Needles {
    /// In lower case.
    needles: Vec<Vec<u8>>,
    /// Which end in these four bytes.
    by_end: HashMap<u32, Vec<usize>>,
    /// A bit for each of the hashes of these ends: most places are passed over at once.
    filter: Vec<u64>,
}

impl Needles {
    /// Of texts none of which is shorter than [`SHORTEST`] bytes.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found = Self { needles: Vec::new(), by_end: HashMap::new(), filter: vec![0; 1 << 10] };
        for text in texts {
            let needle = text.as_bytes()[..text.len().min(LONGEST)].to_ascii_lowercase();
            let end = needle[needle.len() - SHORTEST..].iter().fold(0, |end, byte| end << 8 | u32::from(*byte));
            let (word, bit) = place(end);
            found.filter[word] |= bit;
            found.by_end.entry(end).or_default().push(found.needles.len());
            found.needles.push(needle);
        }
        found
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.needles.len()
    }

    fn longest(&self) -> usize {
        self.needles.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Tells each that ends behind the first `past` bytes, and where it begins.
    pub fn search(&self, bytes: &[u8], past: usize, mut found: impl FnMut(usize, usize)) {
        let mut end: u32 = 0;
        let first = past.saturating_sub(SHORTEST - 1);
        for (at, byte) in bytes.iter().enumerate().skip(first) {
            end = end << 8 | u32::from(byte.to_ascii_lowercase());
            let (word, bit) = place(end);
            if self.filter[word] & bit == 0 || at < past || at + 1 < first + SHORTEST {
                continue;
            }
            for number in self.by_end.get(&end).into_iter().flatten() {
                let needle = &self.needles[*number];
                let begins = (at + 1).checked_sub(needle.len());
                if let Some(begins) = begins.filter(|begins| bytes[*begins..=at].eq_ignore_ascii_case(needle)) {
                    found(*number, begins);
                }
            }
        }
    }

    /// Tells each that is in the file, and where. Nothing is told of a file that is not there.
    pub fn search_file(&self, path: &Path, mut found: impl FnMut(usize, u64)) -> io::Result<()> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        self.search_stream(&mut file, CHUNK, &mut found)
    }

    /// The end of each piece is searched again with the next one, so that nothing hides on the border.
    fn search_stream(
        &self,
        stream: &mut impl Read,
        chunk: usize,
        found: &mut impl FnMut(usize, u64),
    ) -> io::Result<()> {
        let overlap = self.longest().saturating_sub(1);
        let mut buffer = vec![0; overlap + chunk];
        let (mut kept, mut before) = (0, 0_u64);
        loop {
            let read = match stream.read(&mut buffer[kept..kept + chunk]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read == 0 {
                return Ok(());
            }
            let filled = kept + read;
            self.search(&buffer[..filled], kept, |number, begins| found(number, before + begins as u64));
            let next = filled.min(overlap);
            buffer.copy_within(filled - next..filled, 0);
            before += (filled - next) as u64;
            kept = next;
        }
    }
}

fn place(end: u32) -> (usize, u64) {
    let hash = end.wrapping_mul(0x9E37_79B1) >> 16;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(needles: &Needles, bytes: &[u8], chunk: usize) -> Vec<(usize, u64)> {
        let mut all = Vec::new();
        needles.search_stream(&mut &bytes[..], chunk, &mut |number, at| all.push((number, at))).unwrap();
        all.sort_unstable();
        all
    }

    #[test]
    fn it_finds_across_every_border_and_each_once() {
        let texts = ["anna", "Zoë Ünal", "anna.of.the.long.name@example.com"];
        let needles = Needles::new(texts);
        let text = "xxANNAxx anna.OF.the.long.NAME@example.com \0Zoë Ünal zoë Ünal zoË Ünal annann";
        let expected = found(&needles, text.as_bytes(), 1 << 12);
        let of = |number: usize| expected.iter().filter(|(found, _)| *found == number).count();
        assert_eq!((of(0), of(1), of(2)), (3, 2, 1), "{expected:?}");
        assert_eq!(expected[0], (0, 2));
        for chunk in 1..text.len() + 2 {
            assert_eq!(found(&needles, text.as_bytes(), chunk), expected, "pieces of {chunk} bytes");
        }
    }

    #[test]
    fn it_finds_at_both_ends_and_nothing_in_nothing() {
        let needles = Needles::new(["abcd", "bcde"]);
        assert_eq!(found(&needles, b"abcde", 3), [(0, 0), (1, 1)]);
        assert_eq!(found(&needles, b"abc", 2), []);
        assert_eq!(found(&needles, b"", 2), []);
        assert_eq!(found(&Needles::new([]), b"abcde", 2), []);
        needles.search_file(Path::new("/nowhere/at/all"), |_, _| panic!("there is no file")).unwrap();
    }

    #[test]
    fn of_a_long_text_the_beginning_is_searched() {
        let long = "0123456789".repeat(50);
        let needles = Needles::new([long.as_str()]);
        assert_eq!(found(&needles, &long.as_bytes()[..LONGEST], 7), [(0, 0)]);
        assert_eq!(found(&needles, &long.as_bytes()[..LONGEST - 1], 7), []);
    }

    #[test]
    fn it_finds_what_a_plain_search_finds() {
        // Few letters, so that many ends are alike.
        let mut state = 1_u32;
        let mut letter = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"abAB"[(state >> 30) as usize]
        };
        let bytes: Vec<u8> = (0..5_000).map(|_| letter()).collect();
        let texts: Vec<String> =
            (0..40).map(|nth| String::from_utf8((0..4 + nth % 9).map(|_| letter()).collect()).unwrap()).collect();
        let needles = Needles::new(texts.iter().map(String::as_str));
        let mut expected = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let windows = bytes.windows(text.len()).enumerate();
            let same = windows.filter(|(_, window)| window.eq_ignore_ascii_case(text.as_bytes()));
            expected.extend(same.map(|(at, _)| (number, at as u64)));
        }
        expected.sort_unstable();
        assert!(expected.len() > 500);
        for chunk in [1, 3, 64, 1_000, 9_999] {
            assert_eq!(found(&needles, &bytes, chunk), expected, "pieces of {chunk} bytes");
        }
    }
}
