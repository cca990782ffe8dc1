//! One object a line, for programs.

use std::fmt::Write;

use crate::name::Name;
use crate::runner::Result;

/// The figures as JSON, an object for each contender and size.
pub(crate) fn lines(results: &[Result]) -> String {
    let mut text = String::new();
    for result in results {
        for (output, samples) in &result.outputs {
            for name in samples.names() {
                let line = Line {
                    scenario: result.case.scenario.text(),
                    size: &output.size,
                    contender: name.text(),
                    value: samples.median(name),
                    unit: output.unit,
                    higher_is_better: output.higher_is_better,
                    ratio_tokio_rustls: samples.ratio(name, Name::Tokio),
                    ratio_limit: samples.ratio(name, Name::Limit),
                    ratio_before: samples.ratio(name, Name::Before),
                };
                line.write_to(&mut text);
            }
        }
    }
    text
}

struct Line<'a> {
    scenario: &'a str,
    size: &'a str,
    contender: &'a str,
    value: Option<f64>,
    unit: &'a str,
    higher_is_better: bool,
    ratio_tokio_rustls: Option<f64>,
    ratio_limit: Option<f64>,
    ratio_before: Option<f64>,
}

impl Line<'_> {
    /// The texts are ours, and have nothing in them that JSON would want escaped.
    fn write_to(&self, text: &mut String) {
        let Self { scenario, size, contender, unit, higher_is_better, .. } = self;
        // Writing to a string never fails.
        let _ = writeln!(
            text,
            "{{\"scenario\":\"{scenario}\",\"size\":\"{size}\",\"contender\":\"{contender}\",\"value\":{},\
             \"unit\":\"{unit}\",\"higher_is_better\":{higher_is_better},\"ratio_tokio_rustls\":{},\
             \"ratio_limit\":{},\"ratio_before\":{}}}",
            or_null(self.value),
            or_null(self.ratio_tokio_rustls),
            or_null(self.ratio_limit),
            or_null(self.ratio_before),
        );
    }
}

fn or_null(value: Option<f64>) -> String {
    match value {
        Some(value) if value.is_finite() => format!("{value:.4}"),
        _ => "null".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Scenario, cases};
    use crate::samples::Samples;

    #[test]
    fn an_object_stands_on_a_line() {
        let Some(case) = cases(Scenario::Receive, true).into_iter().next() else { panic!("there are cases") };
        let mut samples = Samples::default();
        samples.add(Name::Before, 150.0);
        samples.add(Name::Lem, 300.0);
        samples.add(Name::Tokio, 100.0);
        let outputs = case.outputs.iter().cloned().map(|output| (output, Samples::default())).take(0);
        let mut outputs: Vec<_> = outputs.collect();
        outputs.push((case.outputs[0].clone(), samples));
        let text = lines(&[Result { case, outputs }]);
        let first = "{\"scenario\":\"receive\",\"size\":\"1 KiB\",\"contender\":\"lem-ssl-rs\",\"value\":300.0000,\
                     \"unit\":\"MB/CPU s\",\"higher_is_better\":true,\"ratio_tokio_rustls\":3.0000,\
                     \"ratio_limit\":null,\"ratio_before\":2.0000}";
        assert_eq!(text.lines().nth(1), Some(first));
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn what_is_not_a_number_is_null() {
        assert_eq!(or_null(Some(f64::INFINITY)), "null");
        assert_eq!(or_null(None), "null");
        assert_eq!(or_null(Some(0.5)), "0.5000");
    }
}
