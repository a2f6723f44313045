//! How long tasks take: distributions of their times, and works, in which one distribution may follow another.

use std::f64::consts::{SQRT_2, TAU};

/// The number of quantiles that stand for a distribution. All are equally likely.
const QUANTILES: u32 = 1_000;

/// A share of the tasks with lognormal times.
#[derive(Clone, Copy)]
struct Part {
    weight: f64,
    median: f64,
    sigma: f64,
}

#[derive(Clone)]
pub(crate) struct Tasks {
    parts: Vec<Part>,
    /// In seconds, ascending.
    pub(crate) quantiles: Vec<f64>,
}

impl Tasks {
    pub(crate) fn lognormal(median: f64, sigma: f64) -> Self {
        Self::mixed(&[(1.0, median, sigma)])
    }

    /// Each part is a weight, a median and a sigma.
    pub(crate) fn mixed(parts: &[(f64, f64, f64)]) -> Self {
        let parts = parts.iter().map(|&(weight, median, sigma)| Part { weight, median, sigma }).collect();
        let mut tasks = Self { parts, quantiles: Vec::new() };
        let quantile = |number| tasks.quantile((f64::from(number) + 0.5) / f64::from(QUANTILES));
        tasks.quantiles = (0..QUANTILES).map(quantile).collect();
        tasks
    }

    /// The share of tasks that take at most `time` seconds.
    pub(crate) fn share_until(&self, time: f64) -> f64 {
        self.parts.iter().map(|part| part.weight * normal_below((time / part.median).ln() / part.sigma)).sum()
    }

    fn quantile(&self, share: f64) -> f64 {
        let (mut low, mut high) = (1e-3_f64, 1e6_f64);
        for _ in 0..60 {
            let middle = (low * high).sqrt();
            if self.share_until(middle) < share {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low * high).sqrt()
    }

    pub(crate) fn draw(&self, random: &mut fastrand::Rng) -> f64 {
        let mut left = random.f64();
        let mut drawn = self.parts[0];
        for part in &self.parts {
            drawn = *part;
            left -= part.weight;
            if left < 0.0 {
                break;
            }
        }
        let mut unit = || 1.0 - random.f64(); // never 0
        let normal = (-2.0 * unit().ln()).sqrt() * (TAU * unit()).cos();
        drawn.median * (drawn.sigma * normal).exp()
    }
}

/// The tasks that a program sees: `before`, and in the second half `after` if there is one.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) before: Tasks,
    pub(crate) after: Option<Tasks>,
}

pub(crate) fn all_works() -> Vec<Work> {
    let usual = || Tasks::lognormal(300.0, 0.4);
    let steady = |name, before| Work { name, before, after: None };
    vec![
        steady("300 s, sigma 0.4", usual()),
        steady("300 s, sigma 0.2", Tasks::lognormal(300.0, 0.2)),
        steady("300 s, sigma 0.8", Tasks::lognormal(300.0, 0.8)),
        steady("150 s or 800 s", Tasks::mixed(&[(0.5, 150.0, 0.25), (0.5, 800.0, 0.25)])),
        steady("8 % fail early", Tasks::mixed(&[(0.08, 20.0, 0.5), (0.92, 300.0, 0.4)])),
        Work { name: "300 s, then 600 s", before: usual(), after: Some(Tasks::lognormal(600.0, 0.4)) },
        Work { name: "300 s, then 150 s", before: usual(), after: Some(Tasks::lognormal(150.0, 0.4)) },
    ]
}

/// The normal distribution function, with an error below 1e-7 (Numerical Recipes, `erfcc`).
fn normal_below(x: f64) -> f64 {
    const TERMS: [f64; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let z = x.abs() / SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    let series = TERMS.iter().fold(0.0, |sum, term| sum * t + term);
    let tail = 0.5 * t * (series - z * z).exp();
    if x < 0.0 { tail } else { 1.0 - tail }
}
