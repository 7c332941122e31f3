//! What a misspelt name may have meant.

use crate::catalogue::FAMILIES;

/// The three known names most like `name`, by edit distance with every number taken as one letter.
#[cold]
pub(crate) fn nearest(name: &str) -> Vec<String> {
    let pattern = |name: &str| -> Vec<char> {
        let stem = name.split('@').next().unwrap_or(name);
        let mut letters: Vec<char> =
            stem.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        letters.dedup_by(|a, b| *a == '#' && *b == '#');
        letters
    };
    // Longer names are no names; comparing a thousand letters would only cost time.
    let wanted: Vec<char> = pattern(name).into_iter().take(64).collect();
    let mut ranked: Vec<(usize, &str)> = FAMILIES
        .iter()
        .map(|family| (distance(&wanted, &pattern(family.example)), family.example))
        .collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    ranked.into_iter().take(3).map(|(_, example)| example.to_owned()).collect()
}

/// Levenshtein's edit distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != other);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
