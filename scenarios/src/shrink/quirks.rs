//! Fewer quirks: at best the one that is the cause.

use crate::shrink::failure::with_quirks;
use crate::shrink::search::Search;

pub(super) fn fewer(search: &mut Search<'_>) -> bool {
    let all = search.best().effective_quirks();
    let cause = search.cause();
    if cause != all && search.take_with_fewer_quirks(with_quirks(search.best(), cause)) {
        return true;
    }
    let mut changed = false;
    for quirk in all.iter().filter(|quirk| !cause.has(*quirk)) {
        let fewer = search.best().effective_quirks().without(quirk);
        changed |= search.take_with_fewer_quirks(with_quirks(search.best(), fewer));
    }
    changed
}
