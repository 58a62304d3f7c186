//! The command line.
use colo_scenarios::{generate::generate, profile::Profile, run::run};
fn main() {
    let t = std::time::SystemTime::UNIX_EPOCH;
    let _ = t;
    let n: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut by = std::collections::BTreeMap::<&str, (u64, u64, String)>::new();
    let mut reqs = 0;
    let (mut asked, mut done, mut crashing, mut clean) = (0, 0, 0, 0);
    let mut points = vec![0u64; colo_scenarios::points::names().len()];
    for seed in 0..n {
        let plan = generate(seed, Profile::Seed);
        let outcome = run(&plan);
        reqs += outcome.guest_requests;
        asked += outcome.counts.plans_asking_failover;
        done += outcome.counts.plans_done;
        crashing += outcome.counts.plans_crashing_commit;
        clean += u64::from(outcome.is_clean());
        for (s, h) in points.iter_mut().zip(&outcome.points) {
            *s += u64::from(*h);
        }
        for v in outcome.violations {
            let e = by.entry(v.invariant).or_insert((0, seed, v.message));
            e.0 += 1;
        }
    }
    println!(
        "{n} plans {reqs} requests asked {asked} done {done} crashing {crashing} clean {clean}"
    );
    for (k, (n, s, m)) in by {
        println!("{k}: {n}, first {s}: {m}");
    }
    for (p, name) in points.iter().zip(colo_scenarios::points::names()) {
        if *p == 0 {
            println!("never {name}");
        }
    }
}
