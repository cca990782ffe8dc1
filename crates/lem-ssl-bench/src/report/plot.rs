//! The ratios as a picture.

use std::fmt::Write;

use crate::name::Name;
use crate::runner::Result;

const WIDTH: f64 = 900.0;
const LABELS: f64 = 250.0;
const BAR: f64 = 14.0;
const GAP: f64 = 12.0;
const TOP: f64 = 84.0;

/// Bars of each contender's ratio to tokio-rustls, longer is better: costs are turned round.
pub(crate) fn svg(results: &[Result]) -> String {
    let rows = rows(results);
    let most = rows.iter().flat_map(|row| &row.bars).map(|(_, ratio)| *ratio).fold(2.0, f64::max).min(MAX_RATIO);
    let scale = (WIDTH - LABELS - 60.0) / most;
    let height = TOP + rows.iter().map(|row| row.bars.len() as f64 * BAR + GAP).sum::<f64>() + 20.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"17\" font-weight=\"bold\">Ratio to tokio-rustls, same run, same \
         cryptography; longer is better</text>\n"
    );
    let mut x = 16.0;
    for (name, colour) in COLOURS.iter().filter(|(name, _)| rows.iter().any(|row| row.has(*name))) {
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"44\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"54\">{name}</text>",
            x + 18.0
        );
        x += 130.0;
    }
    for step in 0..=(most as u32) {
        let at = LABELS + f64::from(step) * scale;
        let (colour, width) = if step == 1 { ("#333", 1.5) } else { ("#ddd", 1.0) };
        let _ = writeln!(
            text,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{}\" y2=\"{:.0}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">{step}</text>",
            TOP - 6.0,
            height - 20.0,
            TOP - 10.0
        );
    }
    let mut y = TOP;
    for row in &rows {
        let middle = y + row.bars.len() as f64 * BAR / 2.0 + 4.0;
        let _ =
            writeln!(text, "<text x=\"{}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>", LABELS - 8.0, row.label);
        for (name, ratio) in &row.bars {
            let colour = COLOURS.iter().find(|(known, _)| known == name).map_or("#999", |(_, colour)| colour);
            let length = ratio.min(most) * scale;
            let cut = if *ratio > most { " →" } else { "" };
            let _ = writeln!(
                text,
                "<rect x=\"{LABELS}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\">{ratio:.2}{cut}</text>",
                BAR - 2.0,
                LABELS + length + 4.0,
                y + BAR - 4.0
            );
            y += BAR;
        }
        y += GAP;
    }
    text + "</svg>\n"
}

/// Longer bars are cut.
const MAX_RATIO: f64 = 8.0;

const COLOURS: [(Name, &str); 4] =
    [(Name::Lem, "#1b6ca8"), (Name::Futures, "#e0a030"), (Name::OpenSsl, "#8a5aa0"), (Name::Limit, "#b8b8b8")];

/// A scenario and size.
struct Row {
    label: String,
    bars: Vec<(Name, f64)>,
}

impl Row {
    fn has(&self, name: Name) -> bool {
        self.bars.iter().any(|(bar, _)| *bar == name)
    }
}

fn rows(results: &[Result]) -> Vec<Row> {
    let outputs = results.iter().flat_map(|result| result.outputs.iter().map(move |output| (result, output)));
    let rows = outputs.map(|(result, (output, samples))| {
        let bars = samples.names().filter(|name| *name != Name::Tokio).filter_map(|name| {
            let ratio = samples.ratio(name, Name::Tokio)?;
            let better = if output.higher_is_better { ratio } else { 1.0 / ratio };
            better.is_finite().then_some((name, better))
        });
        Row { label: format!("{}, {}", result.case.scenario, output.size), bars: bars.collect() }
    });
    rows.filter(|row| !row.bars.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Scenario, cases};
    use crate::samples::Samples;

    #[test]
    fn a_cost_is_turned_round() {
        let Some(case) = cases(Scenario::Idle, true).into_iter().next() else { panic!("there are cases") };
        let mut samples = Samples::default();
        samples.add(Name::Lem, 5.0);
        samples.add(Name::Tokio, 20.0);
        let outputs = vec![(case.outputs[0].clone(), samples)];
        let rows = rows(&[Result { case, outputs }]);
        assert_eq!(rows[0].bars, [(Name::Lem, 4.0)]);
    }

    #[test]
    fn a_picture_of_nothing_is_still_a_picture() {
        let text = svg(&[]);
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    }
}
