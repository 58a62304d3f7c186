//! Coverage points as grids: `group/ROW…/COLUMN`, whatever the rows and columns stand for.
//!
//! A group is a grid if every one of its points has at least two parts behind the group, and the
//! rows have columns in common; so a universe of points that grows needs nothing here.

use crate::coverage::{Group, Point};

/// The points of a group, by row and column.
#[derive(Debug)]
pub(crate) struct Grid<'a> {
    pub(crate) name: &'a str,
    pub(crate) columns: Vec<&'a str>,
    pub(crate) rows: Vec<Row<'a>>,
}

/// A row; of its cells those are `None` that are no point.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) name: String,
    pub(crate) cells: Vec<Option<&'a Point>>,
}

impl<'a> Grid<'a> {
    /// The group as a grid, if it is one.
    pub(crate) fn of(group: &Group<'a>) -> Option<Self> {
        let mut grid = Self { name: group.name, columns: Vec::new(), rows: Vec::new() };
        for &point in &group.points {
            let (_, place) = point.name.split_once('/')?;
            let (row, column) = place.rsplit_once('/')?;
            grid.put(row.replace('/', " "), column, point);
        }
        let width = grid.columns.len();
        grid.rows.iter_mut().for_each(|row| row.cells.resize(width, None));
        // Where most places are no point, a list says more.
        (3 * group.points.len() >= grid.rows.len() * width).then_some(grid)
    }

    /// The most hits of a point.
    pub(crate) fn most(&self) -> u64 {
        let points = self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        points.map(|point| point.hits).max().unwrap_or(0)
    }

    fn put(&mut self, name: String, column: &'a str, point: &'a Point) {
        let row = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            self.rows.push(Row { name, cells: Vec::new() });
            self.rows.len() - 1
        });
        let column = self.columns.iter().position(|known| *known == column).unwrap_or_else(|| {
            self.columns.push(column);
            self.columns.len() - 1
        });
        let cells = &mut self.rows[row].cells;
        if cells.len() <= column {
            cells.resize(column + 1, None);
        }
        cells[column] = Some(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::groups;

    #[test]
    fn a_group_is_a_grid_if_all_its_points_have_a_row_and_a_column() {
        let names = [
            "v/a/x/N",
            "v/a/x/R",
            "v/b/y/D",
            "p/one",
            "p/two/three",
            "edge",
            "q/a/1",
            "q/b/2",
            "q/c/3",
            "q/d/4",
        ];
        let points = names.map(Point::new);
        let groups = groups(&points);
        let grids: Vec<_> = groups.iter().filter_map(Grid::of).collect();
        assert_eq!(grids.len(), 1);
        assert_eq!((grids[0].name, &grids[0].columns[..]), ("v", &["N", "R", "D"][..]));
        let rows = grids[0].rows.iter().map(|row| {
            let cells = row.cells.iter().map(|cell| cell.map(|point| point.name.as_str()));
            (row.name.as_str(), cells.collect::<Vec<_>>())
        });
        let expected = [
            ("a x", vec![Some("v/a/x/N"), Some("v/a/x/R"), None]),
            ("b y", vec![None, None, Some("v/b/y/D")]),
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }
}
