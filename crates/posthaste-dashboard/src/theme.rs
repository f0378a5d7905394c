//! A portal's colours: the accent that was asked for, moved as far as it takes to be readable on
//! light and on dark ground. Pure.

use posthaste_store::theme::Accent;

/// What text needs beside its ground (WCAG 2.2, AA), and what a border or a button does.
const TEXT: f64 = 4.5;
const SHAPE: f64 = 3.0;

const BLACK: Accent = Accent([0, 0, 0]);
const WHITE: Accent = Accent([255, 255, 255]);

/// The grounds of `base.css`, and where a colour goes to stand out on them.
struct Ground {
    surface: Accent,
    others: [Accent; 2],
    away: Accent,
}

const LIGHT: Ground = Ground {
    surface: WHITE,
    others: [Accent([0xf6, 0xf6, 0xf8]), Accent([0xfb, 0xfb, 0xfc])],
    away: BLACK,
};
const DARK: Ground = Ground {
    surface: Accent([0x18, 0x18, 0x1f]),
    others: [Accent([0x10, 0x10, 0x15]), Accent([0x1e, 0x1e, 0x27])],
    away: WHITE,
};

/// The style sheet that makes an accent the portal's own.
pub(crate) fn css(accent: Accent) -> String {
    let (light, dark) = (colours(accent, &LIGHT), colours(accent, &DARK));
    format!(
        ":root {{ {light} }}\n\
         @media (prefers-color-scheme: dark) {{ :root:not(.is-light) {{ {dark} }} }}\n\
         :root.is-dark {{ {dark} }}\n"
    )
}

fn colours(accent: Accent, on: &Ground) -> String {
    let Colours {
        shape,
        text,
        soft,
        on_shape,
    } = Colours::of(accent, on);
    format!(
        "--accent: {shape}; --accent-text: {text}; --accent-soft: {soft}; --on-accent: {on_shape};"
    )
}

struct Colours {
    /// Of buttons and borders.
    shape: Accent,
    /// Of words, on all grounds and on the soft one.
    text: Accent,
    /// The ground of what is chosen.
    soft: Accent,
    /// Of words on a button.
    on_shape: Accent,
}

impl Colours {
    fn of(accent: Accent, on: &Ground) -> Self {
        let grounds = [on.surface, on.others[0], on.others[1]];
        let shape = away_from(accent, &grounds, SHAPE, on.away);
        let soft = mixed(on.surface, shape, 0.12);
        let words = [on.surface, on.others[0], on.others[1], soft];
        Self {
            shape,
            text: away_from(accent, &words, TEXT, on.away),
            soft,
            on_shape: [WHITE, BLACK]
                .into_iter()
                .max_by(|one, two| contrast(*one, shape).total_cmp(&contrast(*two, shape)))
                .unwrap_or(BLACK),
        }
    }
}

/// The colour nearest to this one, on its way to black or white, that stands out so much.
fn away_from(colour: Accent, grounds: &[Accent], at_least: f64, away: Accent) -> Accent {
    let steps = (0..=20).map(|step| mixed(colour, away, f64::from(step) / 20.0));
    let mut steps = steps.filter(|step| {
        let stands_out = |ground: &Accent| contrast(*step, *ground) >= at_least;
        grounds.iter().all(stands_out)
    });
    steps.next().unwrap_or(away)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and 255
fn mixed(one: Accent, other: Accent, share: f64) -> Accent {
    let mix = |n: usize| {
        let (from, to) = (f64::from(one.0[n]), f64::from(other.0[n]));
        (from + (to - from) * share).round() as u8
    };
    Accent([mix(0), mix(1), mix(2)])
}

/// As WCAG 2.2 defines it: 1 to 21.
fn contrast(one: Accent, other: Accent) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: Accent) -> f64 {
    let [red, green, blue] = colour.0.map(|channel| {
        let channel = f64::from(channel) / 255.0;
        match channel <= 0.04045 {
            true => channel / 12.92,
            false => ((channel + 0.055) / 1.055).powf(2.4),
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_as_its_standard_says() {
        let grey = Accent([0x76, 0x76, 0x76]);
        assert!((contrast(BLACK, WHITE) - 21.0).abs() < 1e-9);
        assert!((contrast(grey, WHITE) - 4.54).abs() < 0.01);
        assert!((contrast(WHITE, WHITE) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn whatever_the_accent_words_and_buttons_can_be_read() {
        let shades = (0..=255).step_by(15);
        for red in shades.clone() {
            for green in shades.clone() {
                for blue in shades.clone() {
                    let accent = Accent([red, green, blue]);
                    for ground in [&LIGHT, &DARK] {
                        check(accent, ground);
                    }
                }
            }
        }
    }

    #[track_caller]
    fn check(accent: Accent, on: &Ground) {
        let colours = Colours::of(accent, on);
        for ground in [on.surface, on.others[0], on.others[1], colours.soft] {
            assert!(
                contrast(colours.text, ground) >= TEXT,
                "{accent} on {ground}"
            );
        }
        for ground in [on.surface, on.others[0], on.others[1]] {
            assert!(contrast(colours.shape, ground) >= SHAPE, "{accent}");
        }
        assert!(
            contrast(colours.on_shape, colours.shape) >= TEXT,
            "{accent}"
        );
    }

    #[test]
    fn a_readable_accent_is_left_as_it_is() {
        let accent = Accent([0x0a, 0x5b, 0xb1]);
        assert!(css(accent).contains("--accent: #0a5bb1; --accent-text: #0a5bb1;"));
    }

    /// Dark on someone's word is dark as the system has it.
    #[test]
    fn the_grounds_are_those_of_the_styles() {
        let base = include_str!("../assets/css/base.css");
        for (ground, of) in [(&LIGHT, "light"), (&DARK, "dark")] {
            for (name, colour) in [("surface", ground.surface), ("ground", ground.others[0])] {
                assert!(
                    base.contains(&format!("--{name}: {colour};")),
                    "{of} {name}"
                );
            }
        }
        let forced = include_str!("../assets/css/portal.css");
        let block = |text: &str, begin: &str| {
            let (_, rest) = text.split_once(begin).expect("the block is there");
            let (block, _) = rest.split_once('}').expect("it ends");
            let words: Vec<String> = block.split_whitespace().map(str::to_owned).collect();
            words.join(" ")
        };
        let (system, word) = (
            block(base, ":root:not(.is-light) {"),
            block(forced, ":root.is-dark {"),
        );
        assert_eq!(format!("color-scheme: dark; {system}"), word);
    }
}
