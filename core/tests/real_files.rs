//! One whole life on real files: start, writes on both sides, checkpoint, failover.

mod files;

use colo_core::{
    DiskId, Event, Extent, Geometry, JobKind, JobState, Mode, Quirks, Recovery, Stage, UserId,
    Verb, VolumeId,
};
use files::{Images, reads_only};

#[test]
fn after_a_failover_the_secondary_file_alone_holds_the_view() {
    let geometry = Geometry { sectors: 4096, ..Geometry::default() };
    let images = Images::create("real_files", geometry, Quirks::NONE);
    let mut host = images.open(Mode::Secondary, true, false);
    let old = Extent::new(0, 4096);
    host.request(VolumeId::FIRST, UserId::Export, images.write(0x11, old))
        .expect("the disk is filled");
    host.call_all(Verb::Start(Mode::Secondary)).expect("start");

    host.request(VolumeId::FIRST, UserId::Export, images.write(0x22, Extent::new(100, 200)))
        .expect("forwarded");
    host.request(VolumeId::FIRST, UserId::Guest, images.write(0x33, Extent::new(250, 300)))
        .expect("guest");
    host.call_all(Verb::Checkpoint).expect("checkpoint");
    assert!(reads_only(&mut host, UserId::Guest, Extent::new(100, 200), 0x22));
    assert!(reads_only(&mut host, UserId::Guest, Extent::new(300, 300), 0x11));

    host.request(VolumeId::FIRST, UserId::Export, images.write(0x44, Extent::new(1000, 2000)))
        .expect("forwarded");
    host.request(VolumeId::FIRST, UserId::Guest, images.write(0x55, Extent::new(1500, 77)))
        .expect("guest");
    host.call_all(Verb::Stop { failover: true }).expect("failover");
    assert_eq!(host.host().volume(VolumeId::FIRST).stage(), Some(Stage::Done));
    let committed = Event::Job { kind: JobKind::Commit, state: JobState::Concluded(Ok(())) };
    assert!(host.take_events().contains(&(VolumeId::FIRST, committed)), "the commit job ran");
    drop(host);

    let file = images.bytes(DiskId::Secondary, old);
    let expected = |sector: usize| match sector {
        100..300 => 0x22,
        1500..1577 => 0x55,
        _ => 0x11,
    };
    for (sector, bytes) in file.chunks(512).enumerate() {
        assert!(bytes.iter().all(|&byte| byte == expected(sector)), "sector {sector}");
    }
}

#[test]
fn a_failover_that_was_cut_off_is_recovered_from_the_files() {
    let geometry = Geometry { sectors: 2048, ..Geometry::default() };
    let images = Images::create("recover_files", geometry, Quirks::NONE);
    let mut host = images.open(Mode::Secondary, false, false);
    host.call_all(Verb::Start(Mode::Secondary)).expect("start");
    host.request(VolumeId::FIRST, UserId::Export, images.write(0x22, Extent::new(0, 1024)))
        .expect("forwarded");
    host.request(VolumeId::FIRST, UserId::Guest, images.write(0x33, Extent::new(500, 1000)))
        .expect("guest");
    host.begin(Verb::Stop { failover: true });
    while host.host().volume(VolumeId::FIRST).stage() != Some(Stage::Failover) {
        assert!(host.step(), "the failover is promised");
    }
    // The process ends here, before the commit has copied anything.
    drop(host);

    let mut host = images.open(Mode::Secondary, false, true);
    assert!(host.take_events().contains(&(VolumeId::FIRST, Event::Recovered(Recovery::Committed))));
    assert!(reads_only(&mut host, UserId::Guest, Extent::new(500, 1000), 0x33));
    let file = images.bytes(DiskId::Secondary, Extent::new(500, 1000));
    assert!(file.iter().all(|&byte| byte == 0x33), "the secondary file alone holds the view");
    let file = images.bytes(DiskId::Secondary, Extent::new(0, 500));
    assert!(file.iter().all(|&byte| byte == 0), "and nothing of the epoch that was given up");
    drop(host);

    let mut host = images.open(Mode::Secondary, false, true);
    assert!(host.take_events().contains(&(VolumeId::FIRST, Event::Recovered(Recovery::DiskAlone))));
}
