//! Reports as one page that needs nothing else: its frame and style, figures in words, plots as SVG
//! ([`plot`]). It holds on white and on black, on a desk and on a telephone.
//!
//! Contract: the same input gives the same bytes. What comes from outside goes through [`escaped`].
#![forbid(unsafe_code)]

pub mod plot;

use std::fmt::{Result, Write};

/// What stands before the first section, with the page's title.
pub fn head(title: &str) -> String {
    format!("{HEAD}<title>{}</title>{STYLE}", escaped(title))
}

/// What ends the page.
pub const END: &str = "</main></body></html>\n";

/// A plot with its title as a heading of that level, and what is to be seen in it.
///
/// # Errors
/// If the page does not take it.
pub fn section(page: &mut String, level: u8, title: &str, told: &str, svg: &str) -> Result {
    let title = escaped(title);
    writeln!(page, "<h{level}>{title}</h{level}><p>{told}</p><div class=wide>{svg}</div>")
}

/// Text that is no markup.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number without more digits than it needs.
pub fn trimmed(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1_000.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 || size == 0.0 => 3,
        _ => 6,
    };
    let text = format!("{value:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A length of time in the unit that suits it.
pub fn nanoseconds(ns: f64) -> String {
    match ns {
        ns if ns >= 0.9995e9 => format!("{} s", trimmed(ns / 1e9)),
        ns if ns >= 0.9995e6 => format!("{} ms", trimmed(ns / 1e6)),
        ns if ns >= 0.9995e3 => format!("{} µs", trimmed(ns / 1e3)),
        ns => format!("{} ns", trimmed(ns)),
    }
}

const HEAD: &str = "<!doctype html><html lang=en><head><meta charset=utf-8>\
<meta name=viewport content=\"width=device-width, initial-scale=1\">";

const STYLE: &str = "<style>:root{color-scheme:light dark}\
body{font:15px/1.5 system-ui,sans-serif;margin:0}\
main{max-width:60rem;margin:auto;padding:1rem}table{border-collapse:collapse;font-size:.85rem}\
td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #8885}\
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.wide{overflow-x:auto}\
.met{color:#2a8a46}.missed{color:#d65a28;font-weight:600}.what{min-width:18rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{opacity:.7}\
dd{margin:0;overflow-wrap:anywhere}.note{border-left:3px solid #d65a28;padding-left:.6rem}\
.legend{margin:0;display:flex;flex-wrap:wrap;gap:0 1rem;font-size:.85rem}\
.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.4em}\
svg{max-width:none}@media(max-width:40rem){svg{width:100%;height:auto}\
svg text{font-size:19px}}h2{border-top:1px solid #8885;padding-top:1rem}</style></head><body><main>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_they_need() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-0.0000001, "0"),
            (0.012_34, "0.012"),
            (0.001_234_5, "0.001234"),
            (12.0, "12"),
            (-12.345, "-12.35"),
            (123_456.789, "123456.8"),
        ] {
            assert_eq!(trimmed(value), text, "{value}");
        }
        for (ns, text) in
            [(0.0, "0 ns"), (999.4, "999.4 ns"), (999.6, "1 µs"), (1.5e6, "1.5 ms"), (2e9, "2 s")]
        {
            assert_eq!(nanoseconds(ns), text, "{ns}");
        }
    }

    #[test]
    fn what_comes_from_outside_is_no_markup() {
        let mut page = head("<script>");
        section(&mut page, 2, "a < b & \"c\"", "said", "<svg/>").unwrap();
        page.push_str(END);
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"));
        assert!(page.contains("<h2>a &lt; b &amp; &quot;c&quot;</h2><p>said</p>"), "{page}");
    }
}
