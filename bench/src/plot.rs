//! Bars as SVG: the median of each contender, a line from the least to the most.

use crate::runner::Outcome;

const WIDTH: f64 = 720.0;
const LABELS: f64 = 190.0;
const FIGURES: f64 = 170.0;
const LINE: f64 = 28.0;

/// All jobs, one below the other.
pub(crate) fn svg(outcomes: &[Outcome]) -> String {
    let mut y = 0.0;
    let mut body = String::new();
    for outcome in outcomes {
        body += &chart(outcome, y);
        y += (outcome.rows.len() + 2) as f64 * LINE;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{y}\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

fn chart(outcome: &Outcome, top: f64) -> String {
    let most = outcome.rows.iter().map(|row| row.figures(0).most).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABELS - FIGURES) / most;
    let head = outcome.measures.first().map_or("", |measure| measure.head);
    let title = format!("{}: {}, {}, {head}", outcome.job, outcome.about, outcome.amount);
    let mut text =
        format!("<text x=\"10\" y=\"{:.1}\" font-weight=\"bold\">{}</text>\n", top + LINE * 0.8, escape(&title));
    for (i, row) in outcome.rows.iter().enumerate() {
        let (rate, y) = (row.figures(0), top + LINE * (i as f64 + 1.2));
        let (from, to) = (LABELS + rate.least * scale, LABELS + rate.most * scale);
        let (middle, baseline) = (y + LINE * 0.35, y + LINE * 0.52);
        let fill = if row.contender.ours { "#c2410c" } else { "#94a3b8" };
        let figure = match outcome.ours() {
            Some(ours) if !row.contender.ours => {
                format!("{:.2} (ours is {:.2} ×)", rate.median, ours.ratio_to(row, 0).median)
            }
            _ => format!("{:.2}", rate.median),
        };
        text += &format!(
            "<text x=\"{:.1}\" y=\"{baseline:.1}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{LABELS}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\"/>\n\
             <path d=\"M{from:.1} {middle:.1}H{to:.1}\" stroke=\"black\"/>\n\
             <text x=\"{:.1}\" y=\"{baseline:.1}\">{figure}</text>\n",
            LABELS - 8.0,
            escape(row.contender.name),
            rate.median * scale,
            LINE * 0.7,
            to + 8.0,
        );
    }
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
