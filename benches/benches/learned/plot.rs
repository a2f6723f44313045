//! The trade-off as a picture: requests per task over the mean delay.

use plotters::prelude::*;

use crate::optimum::optimum;
use crate::polls::{Figures, seconds};
use crate::schedules::{fixed, learned, steady};
use crate::tasks::{Tasks, Work};
use luma_watch::Schedule;

const SIZE: (u32, u32) = (860, 520);
/// The longest pause in minutes: it does not limit tasks of five minutes.
const LONGEST: f64 = 5.0;
/// The axis of the mean delay, in seconds.
const DELAYS: std::ops::Range<f64> = 0.0..40.0;
const REQUESTS: std::ops::Range<f64> = 0.0..25.0;
const INK: RGBColor = RGBColor(40, 44, 52);
const FAINT: RGBColor = RGBColor(226, 229, 234);

/// A curve: each setting gives a point.
struct Curve<'a> {
    name: &'a str,
    color: RGBColor,
    width: u32,
    settings: Vec<f64>,
    figures: Box<dyn Fn(f64) -> Figures + 'a>,
}

pub(crate) fn draw(path: &str, in_full: bool) {
    let work = Work { name: "", before: Tasks::lognormal(300.0, 0.4), after: None };
    let points = if in_full { 40 } else { 4 };
    let rounds = if in_full { 200 } else { 2 };
    // Even steps on a logarithmic scale.
    let range = |from: f64, to: f64| -> Vec<f64> {
        (0..=points).map(|point| from * (to / from).powf(f64::from(point) / f64::from(points))).collect()
    };
    let after = |count: usize| {
        let work = &work;
        Box::new(move |aim| learned(work, count, rounds, aim, LONGEST)) as Box<dyn Fn(f64) -> Figures>
    };
    let grown = |longest: f64| steady(&work, &Schedule::exponential(seconds(longest / 6.0), seconds(longest)));
    let curves = [
        Curve {
            name: "growing pauses, longest 6 times the first",
            color: RGBColor(196, 132, 29),
            width: 2,
            settings: range(12.0, 160.0),
            figures: Box::new(grown),
        },
        Curve {
            name: "fixed interval (dot: 30 s)",
            color: RGBColor(110, 116, 128),
            width: 2,
            settings: range(10.0, 85.0),
            figures: Box::new(|interval| fixed(&work, interval)),
        },
        Curve {
            name: "learned from 5 tasks",
            color: RGBColor(125, 178, 228),
            width: 3,
            settings: range(4.0, 42.0),
            figures: after(5),
        },
        Curve {
            name: "learned from 20 tasks",
            color: RGBColor(58, 124, 196),
            width: 3,
            settings: range(4.0, 42.0),
            figures: after(20),
        },
        Curve {
            name: "learned from 100 tasks",
            color: RGBColor(20, 66, 130),
            width: 3,
            settings: range(4.0, 42.0),
            figures: after(100),
        },
        Curve {
            name: "optimum, distribution known",
            color: RGBColor(192, 57, 75),
            width: 1,
            settings: range(0.3, 16.0),
            figures: Box::new(|price| optimum(&work.before, price, LONGEST)),
        },
    ];

    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let mut chart = ChartBuilder::on(&root)
        .margin(18)
        .caption(
            "Tasks of about 5 minutes (lognormal, median 300 s, sigma 0.4), pauses of up to 5 min",
            ("sans-serif", 19).into_font().color(&INK),
        )
        .x_label_area_size(48)
        .y_label_area_size(58)
        .build_cartesian_2d(DELAYS, REQUESTS)
        .unwrap();
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("mean delay from a task's end to the poll that finds it, s").y_desc("requests per task");
    mesh.bold_line_style(FAINT).light_line_style(TRANSPARENT).axis_style(INK);
    mesh.x_labels(9)
        .y_labels(6)
        .x_label_formatter(&|delay| format!("{delay:.0}"))
        .y_label_formatter(&|count| format!("{count:.0}"));
    mesh.label_style(("sans-serif", 15).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 16).into_font().color(&INK));
    mesh.draw().unwrap();

    for Curve { name, color, width, settings, figures } in curves {
        let point = |setting: &f64| {
            let figures = figures(*setting);
            (figures.mean_delay(), figures.requests() + 1.0) // with the first poll
        };
        let inside = |(delay, requests): &(f64, f64)| DELAYS.contains(delay) && REQUESTS.contains(requests);
        let points: Vec<_> = settings.iter().map(point).filter(inside).collect();
        let style = color.stroke_width(width);
        let line = chart.draw_series(LineSeries::new(points, style)).unwrap();
        line.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 26, y)], style));
    }
    let usual = fixed(&work, 30.0);
    let mark = Circle::new((usual.mean_delay(), usual.requests() + 1.0), 4, INK.filled());
    chart.draw_series([mark]).unwrap();
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::UpperRight).margin(14).legend_area_size(36);
    legend
        .label_font(("sans-serif", 15).into_font().color(&INK))
        .background_style(TRANSPARENT)
        .border_style(TRANSPARENT);
    legend.draw().unwrap();
    root.present().unwrap();
    println!("drawn: {path}");
}
