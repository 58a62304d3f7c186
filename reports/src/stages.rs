//! The stage machines, drawn: which stage changes the runs went through, and how often.
//!
//! The machines are read from the coverage points named `edge/MACHINE/FROM->TO`;
//! which edges are permitted is not known here. Places are fixed, so that two
//! reports can be laid side by side; nothing is laid out by chance or by force.

use maud::{Markup, PreEscaped, html};

use crate::coverage::Point;
use crate::figures::{compact, counted, printable};

const GROUP: &str = "edge";
/// Half the width and half the height of a stage's box.
const HALF: Vector = Vector { x: 70.0, y: 21.0 };
/// Between the middles of neighbouring boxes.
const PITCH: Vector = Vector { x: 264.0, y: 112.0 };
/// Room around the boxes, and more of it beside them if an edge needs to go there.
const MARGIN: f64 = 10.0;
const MARGIN_OUTER: f64 = 84.0;
/// How far two opposite edges stay from the line between the middles.
const APART: f64 = 13.0;
/// Length and half the width of an arrow head.
const HEAD: Vector = Vector { x: 10.0, y: 5.5 };
/// Between an arrow head and the border it points at, so that a slanting one is seen whole.
const GAP: f64 = 2.0;
const THIN: f64 = 1.5;
const THICK: f64 = 6.0;

/// One machine, its stages placed on a grid of two columns.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) name: &'a str,
    stages: Vec<Stage<'a>>,
    edges: Vec<Edge<'a>>,
}

#[derive(Debug)]
struct Stage<'a> {
    name: &'a str,
    column: u32,
    row: u32,
}

/// A stage change; `from` and `to` are places in [`Machine::stages`].
#[derive(Debug)]
struct Edge<'a> {
    from: usize,
    to: usize,
    point: &'a Point,
}

/// The machines that the points name, in the order in which they first do.
pub(crate) fn machines(points: &[Point]) -> Vec<Machine<'_>> {
    let mut machines: Vec<Machine<'_>> = Vec::new();
    for point in points {
        let Some((name, from, to)) = parse(&point.name) else { continue };
        let place = machines.iter().position(|machine| machine.name == name);
        let place = place.unwrap_or_else(|| {
            machines.push(Machine { name, stages: Vec::new(), edges: Vec::new() });
            machines.len() - 1
        });
        let machine = &mut machines[place];
        let (from, to) = (machine.stage(from), machine.stage(to));
        machine.edges.push(Edge { from, to, point });
    }
    machines
}

impl<'a> Machine<'a> {
    /// The machine as an SVG that takes its colours from the page; `id` is unique on it.
    pub(crate) fn drawing(&self, id: &str) -> Markup {
        let margin =
            if self.edges.iter().any(|edge| self.is_outer(edge)) { MARGIN_OUTER } else { MARGIN };
        let columns = f64::from(self.stages.iter().map(|stage| stage.column).max().unwrap_or(0));
        let rows = f64::from(self.stages.iter().map(|stage| stage.row).max().unwrap_or(0));
        let (left, top) = (-HALF.x - margin, -HALF.y - MARGIN);
        let width = columns * PITCH.x - 2.0 * left;
        let height = rows * PITCH.y - 2.0 * top;
        let view = format!("{left:.0} {top:.0} {width:.0} {height:.0}");
        html! {
            svg viewBox=(view) role="img" aria-labelledby={ (id) "-title " (id) "-desc" } {
                title id={ (id) "-title" } { "Stages of the " (printable(self.name)) }
                desc id={ (id) "-desc" } { (self.described()) }
                @for edge in &self.edges { (self.line(edge)) }
                @for (i, stage) in self.stages.iter().enumerate() { (self.box_of(i, stage)) }
                @for edge in &self.edges { (self.label(edge)) }
            }
        }
    }

    /// How many of its edges were taken.
    pub(crate) fn taken(&self) -> usize {
        self.edges.iter().filter(|edge| edge.point.is_reached()).count()
    }

    /// How many edges it has.
    pub(crate) fn len(&self) -> usize {
        self.edges.len()
    }

    fn stage(&mut self, name: &'a str) -> usize {
        if let Some(place) = self.stages.iter().position(|stage| stage.name == name) {
            return place;
        }
        let unknown = self.stages.iter().filter(|stage| known(stage.name).is_none()).count() as u32;
        // Stages that this drawing has no place for go two by two below the others.
        let (column, row) = known(name).unwrap_or((unknown % 2, 3 + unknown / 2));
        self.stages.push(Stage { name, column, row });
        self.stages.len() - 1
    }

    fn described(&self) -> String {
        let edge = |edge: &Edge<'_>| {
            let hits = match edge.point.hits {
                0 => "never".into(),
                hits => counted(hits, "time", "times"),
            };
            format!("{} to {}: {hits}", self.stages[edge.from].name, self.stages[edge.to].name)
        };
        printable(&self.edges.iter().map(edge).collect::<Vec<_>>().join("; "))
    }

    fn line(&self, edge: &Edge<'_>) -> Markup {
        let class = if edge.point.is_reached() { "edge" } else { "edge never" };
        let route = self.route(edge);
        let first = edge.point.first.as_ref().map(|run| format!(", first by {}", run.name()));
        let hits = counted(edge.point.hits, "hit", "hits");
        let tip = printable(&format!("{}: {hits}{}", edge.point.name, first.unwrap_or_default()));
        html! {
            g class=(class) {
                title { (tip) }
                path d=(route.path) stroke-width=(format!("{:.1}", self.thickness(edge))) {}
                polygon points=(route.head) {}
            }
        }
    }

    fn box_of(&self, place: usize, stage: &Stage<'_>) -> Markup {
        let entered = |edge: &Edge<'_>| edge.to == place && edge.point.is_reached();
        let left = |edge: &Edge<'_>| edge.from == place && edge.point.is_reached();
        let seen = self.edges.iter().any(|edge| entered(edge) || left(edge));
        let at = middle(stage);
        let name = printable(stage.name);
        // Long names are squeezed rather than let out of their box.
        let squeezed = (name.chars().count() > 15).then_some("128");
        html! {
            g class=(if seen { "stage" } else { "stage never" }) {
                rect x=(px(at.x - HALF.x)) y=(px(at.y - HALF.y))
                    width=(px(2.0 * HALF.x)) height=(px(2.0 * HALF.y)) rx="9" {}
                text x=(px(at.x)) y=(px(at.y)) dy="0.35em" textLength=[squeezed]
                    lengthAdjust=[squeezed.map(|_| "spacingAndGlyphs")] { (name) }
            }
        }
    }

    fn label(&self, edge: &Edge<'_>) -> Markup {
        let at = self.route(edge).label;
        let reached = edge.point.is_reached();
        let text = if reached { compact(edge.point.hits) } else { "never".into() };
        let width = 7.4 * f64::from(text.chars().count() as u32) + 12.0;
        html! {
            g class=(if reached { "hits" } else { "hits never" }) aria-hidden="true" {
                rect x=(px(at.x - width / 2.0)) y=(px(at.y - 9.5)) width=(px(width)) height="19" rx="9.5" {}
                text x=(px(at.x)) y=(px(at.y)) dy="0.35em" { (text) }
            }
        }
    }

    /// Thicker by the order of magnitude, in whole powers of two, relative to the busiest edge.
    fn thickness(&self, edge: &Edge<'_>) -> f64 {
        let most = self.edges.iter().map(|edge| edge.point.hits).max().unwrap_or(0);
        let (Some(hits), Some(most)) = (edge.point.hits.checked_ilog2(), most.checked_ilog2())
        else {
            return THIN;
        };
        THIN + (THICK - THIN) * f64::from(hits + 1) / f64::from(most + 1)
    }

    /// Whether the edge cannot go straight: back to its own stage, or past a neighbour.
    fn is_outer(&self, edge: &Edge<'_>) -> bool {
        let (from, to) = (&self.stages[edge.from], &self.stages[edge.to]);
        from.column == to.column && from.row.abs_diff(to.row) != 1
    }

    fn route(&self, edge: &Edge<'_>) -> Route {
        let (from, to) = (&self.stages[edge.from], &self.stages[edge.to]);
        if self.is_outer(edge) {
            return outer(middle(from), middle(to), from.column == 0);
        }
        let twin = |other: &Edge<'_>| other.from == edge.to && other.to == edge.from;
        let apart = if self.edges.iter().any(twin) { APART } else { 0.0 };
        straight(middle(from), middle(to), apart)
    }
}

/// Where an edge runs.
struct Route {
    /// The line, up to its arrow head.
    path: String,
    /// The corners of the arrow head.
    head: String,
    /// The middle of its number.
    label: Vector,
}

/// From box to box, moved aside by `apart`, seen in the direction of the edge.
fn straight(from: Vector, to: Vector, apart: f64) -> Route {
    let along = to.minus(from).unit();
    let aside = along.across().times(apart);
    let start = from.plus(aside).plus(along.times(way_out(along, aside, 0.0)));
    let tip = to.plus(aside).minus(along.times(way_out(along.times(-1.0), aside, GAP)));
    let end = tip.minus(along.times(HEAD.x));
    Route {
        path: format!("M{} L{}", start.text(), end.text()),
        head: head(tip, along),
        label: start.plus(tip).times(0.5),
    }
}

/// Around the outside, left or right of the boxes.
fn outer(from: Vector, to: Vector, left: bool) -> Route {
    let side = if left { -1.0 } else { 1.0 };
    let own = if from == to { 1.0 } else { 0.0 };
    let start = from.plus(Vector { x: side * HALF.x, y: -9.0 * own });
    let tip = to.plus(Vector { x: side * (HALF.x + GAP), y: 9.0 * own });
    let far = side * 62.0;
    let out = start.plus(Vector { x: far, y: -22.0 * own });
    let back = tip.plus(Vector { x: far, y: 22.0 * own });
    let into = tip.minus(back).unit();
    let end = tip.minus(into.times(HEAD.x));
    Route {
        path: format!("M{} C{} {} {}", start.text(), out.text(), back.text(), end.text()),
        head: head(tip, into),
        // The middle of a cubic curve.
        label: start.plus(tip).plus(out.plus(back).times(3.0)).times(0.125),
    }
}

/// How far it is along the unit vector `along` from `aside` of a box's middle to `gap` off its border.
fn way_out(along: Vector, aside: Vector, gap: f64) -> f64 {
    let to_border = |along: f64, aside: f64, half: f64| {
        if along == 0.0 { f64::INFINITY } else { ((half + gap) * along.signum() - aside) / along }
    };
    to_border(along.x, aside.x, HALF.x).min(to_border(along.y, aside.y, HALF.y))
}

fn head(tip: Vector, along: Vector) -> String {
    let back = tip.minus(along.times(HEAD.x));
    let aside = along.across().times(HEAD.y);
    format!("{} {} {}", tip.text(), back.plus(aside).text(), back.minus(aside).text())
}

fn middle(stage: &Stage<'_>) -> Vector {
    Vector { x: f64::from(stage.column) * PITCH.x, y: f64::from(stage.row) * PITCH.y }
}

/// Column and row of the stages that this drawing knows.
fn known(name: &str) -> Option<(u32, u32)> {
    match name {
        "NONE" => Some((0, 0)),
        "RUNNING" => Some((0, 1)),
        "DONE" => Some((1, 1)),
        "FAILOVER" => Some((0, 2)),
        "FAILOVER_FAILED" => Some((1, 2)),
        _ => None,
    }
}

/// Machine, from and to of a point that names a stage change.
fn parse(name: &str) -> Option<(&str, &str, &str)> {
    let (machine, change) = name.strip_prefix(GROUP)?.strip_prefix('/')?.split_once('/')?;
    let (from, to) = change.split_once("->")?;
    Some((machine, from, to))
}

fn px(length: f64) -> PreEscaped<String> {
    PreEscaped(format!("{length:.1}"))
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Vector {
    x: f64,
    y: f64,
}

impl Vector {
    fn plus(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y }
    }

    fn minus(self, other: Self) -> Self {
        self.plus(other.times(-1.0))
    }

    fn times(self, factor: f64) -> Self {
        Self { x: self.x * factor, y: self.y * factor }
    }

    /// A quarter turn; on a screen, where y grows downwards, to the right.
    fn across(self) -> Self {
        Self { x: -self.y, y: self.x }
    }

    fn unit(self) -> Self {
        self.times(1.0 / (self.x * self.x + self.y * self.y).sqrt())
    }

    fn text(self) -> String {
        format!("{:.1} {:.1}", self.x, self.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(name: &str, hits: u64) -> Point {
        Point { hits, ..Point::new(name) }
    }

    #[test]
    fn only_edges_of_machines_are_read() {
        let points = ["edge/a/X->Y", "edge/odd", "edges/a/X->Y", "fault/EIO", "edge/b/X->X"];
        let points = points.map(|name| point(name, 1));
        let machines = machines(&points);
        let names: Vec<_> = machines.iter().map(|m| (m.name, m.len(), m.stages.len())).collect();
        assert_eq!(names, [("a", 1, 2), ("b", 1, 1)]);
    }

    #[test]
    fn thickness_follows_the_order_of_magnitude() {
        let points = [
            ("edge/a/NONE->RUNNING", 1 << 20),
            ("edge/a/RUNNING->DONE", 1 << 10),
            ("edge/a/X->Y", 0),
        ];
        let points = points.map(|(name, hits)| point(name, hits));
        let machine = &machines(&points)[0];
        let thickness: Vec<_> = machine.edges.iter().map(|edge| machine.thickness(edge)).collect();
        assert!((thickness[0] - THICK).abs() < 1e-9, "{thickness:?}");
        assert!(thickness[1] > THIN && thickness[1] < THICK, "{thickness:?}");
        assert!((thickness[2] - THIN).abs() < 1e-9, "{thickness:?}");
    }

    #[test]
    fn straight_edges_start_and_end_at_the_boxes() {
        let to = Vector { x: PITCH.x, y: 0.0 };
        let route = straight(Vector { x: 0.0, y: 0.0 }, to, 0.0);
        assert_eq!(route.path, "M70.0 0.0 L182.0 0.0");
        assert_eq!(route.head, "192.0 0.0 182.0 5.5 182.0 -5.5");
    }

    #[test]
    fn opposite_edges_keep_apart() {
        let points = [point("edge/a/NONE->RUNNING", 1), point("edge/a/RUNNING->NONE", 1)];
        let machine = &machines(&points)[0];
        let labels: Vec<_> = machine.edges.iter().map(|e| machine.route(e).label.x).collect();
        assert!((labels[0] + APART).abs() < 1e-9, "{labels:?}");
        assert!((labels[1] - APART).abs() < 1e-9, "{labels:?}");
    }

    #[test]
    fn an_edge_past_a_neighbour_or_to_itself_goes_outside() {
        let points = [point("edge/a/NONE->FAILOVER", 1), point("edge/a/DONE->DONE", 1)];
        let machine = &machines(&points)[0];
        for edge in &machine.edges {
            assert!(machine.is_outer(edge));
        }
        assert!(machine.route(&machine.edges[0]).label.x < -HALF.x);
        assert!(machine.route(&machine.edges[1]).label.x > PITCH.x + HALF.x);
    }
}
