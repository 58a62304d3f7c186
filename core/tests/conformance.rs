//! QEMU's own unit test of the filter, case by case, on real files of 64 MiB (spec section 4).

mod files;

use colo_core::{
    DiskId, Errno, Extent, Geometry, Mode, Quirks, Stage, UserId, UserOp, Verb, VolumeId,
};
use files::{FileHost, Images, reads_only};

const GUEST: UserId = UserId::Guest;
const EXPORT: UserId = UserId::Export;

struct Cases {
    images: Images,
    whole: Extent,
    lower: Extent,
    upper: Extent,
}

#[test]
fn the_thirteen_cases_as_the_seed_does_them() {
    run_all("conformance-seed", Quirks::all());
}

#[test]
fn the_thirteen_cases_hardened() {
    run_all("conformance-hardened", Quirks::NONE);
}

fn run_all(name: &str, quirks: Quirks) {
    let geometry = Geometry::default();
    let half = geometry.sectors as u32 / 2;
    let cases = Cases {
        images: Images::create(name, geometry, quirks),
        whole: geometry.whole(),
        lower: Extent::new(0, half),
        upper: Extent::new(u64::from(half), half),
    };
    cases.primary_read();
    cases.primary_write();
    cases.primary_start();
    for verb in [Verb::Stop { failover: false }, Verb::Checkpoint, Verb::GetError] {
        cases.primary_verb(verb);
    }
    cases.secondary_read();
    cases.secondary_write();
    cases.secondary_start();
    cases.secondary_stop();
    cases.secondary_continuous_replication();
    cases.secondary_do_checkpoint();
    cases.secondary_get_error();
}

impl Cases {
    fn primary(&self) -> FileHost {
        self.images.open(Mode::Primary, false, false)
    }

    /// The secondary cases first fill the secondary disk through its own user.
    fn secondary(&self) -> FileHost {
        let mut host = self.images.open(Mode::Secondary, true, false);
        self.write(&mut host, EXPORT, 0x11, self.whole).expect("the local disk is filled");
        host
    }

    fn started(&self) -> FileHost {
        let mut host = self.secondary();
        host.call_all(Verb::Start(Mode::Secondary)).expect("start(secondary)");
        host
    }

    fn write(
        &self,
        host: &mut FileHost,
        user: UserId,
        byte: u8,
        extent: Extent,
    ) -> Result<(), Errno> {
        host.request(VolumeId::FIRST, user, self.images.write(byte, extent)).map(|_| ())
    }

    fn primary_read(&self) {
        assert_eq!(
            self.primary().request(VolumeId::FIRST, GUEST, UserOp::Read(self.whole)),
            Err(Errno::Io)
        );
    }

    fn primary_write(&self) {
        assert_eq!(self.write(&mut self.primary(), GUEST, 0, self.whole), Err(Errno::Io));
    }

    fn primary_start(&self) {
        let mut host = self.primary();
        host.call_all(Verb::Start(Mode::Primary)).expect("start(primary)");
        assert_eq!(host.request(VolumeId::FIRST, GUEST, UserOp::Read(self.whole)), Err(Errno::Io));
        self.write(&mut host, GUEST, 0x22, self.whole).expect("the write is forwarded");
        let forwarded = self.images.bytes(DiskId::Secondary, self.whole);
        assert!(forwarded.iter().all(|&byte| byte == 0x22), "the other end has it");
        host.call(VolumeId::FIRST, Verb::Close).expect("close while running");
    }

    fn primary_verb(&self, verb: Verb) {
        let mut host = self.primary();
        host.call_all(Verb::Start(Mode::Primary)).expect("start(primary)");
        host.call_all(verb).expect("no verb may return an error");
    }

    fn secondary_read(&self) {
        assert_eq!(
            self.secondary().request(VolumeId::FIRST, GUEST, UserOp::Read(self.whole)),
            Err(Errno::Io)
        );
    }

    fn secondary_write(&self) {
        assert_eq!(self.write(&mut self.secondary(), GUEST, 0, self.whole), Err(Errno::Io));
    }

    fn secondary_start(&self) {
        let mut host = self.started();
        assert!(reads_only(&mut host, GUEST, self.whole, 0x11));
        self.write(&mut host, EXPORT, 0x22, self.upper).expect("a forwarded write");
        assert!(reads_only(&mut host, GUEST, self.upper, 0x11));
        self.write(&mut host, GUEST, 0x33, self.lower).expect("a guest write");
        assert!(reads_only(&mut host, GUEST, self.lower, 0x33));
        host.call_all(Verb::Stop { failover: true }).expect("stop(failover=1)");
    }

    /// Writes on both sides and a failover; the host as it is when that is over.
    fn stopped(&self) -> FileHost {
        let mut host = self.started();
        self.write(&mut host, EXPORT, 0x22, self.upper).expect("a forwarded write");
        assert!(reads_only(&mut host, GUEST, self.upper, 0x11));
        self.write(&mut host, GUEST, 0x33, self.lower).expect("a guest write");
        host.call_all(Verb::Stop { failover: true }).expect("stop(failover=1)");
        host
    }

    fn secondary_stop(&self) {
        let mut host = self.stopped();
        assert!(reads_only(&mut host, GUEST, self.lower, 0x33));
        assert!(reads_only(&mut host, GUEST, self.upper, 0x11));
    }

    fn secondary_continuous_replication(&self) {
        let mut host = self.stopped();
        host.call_all(Verb::Start(Mode::Primary)).expect("silently ok");
        host.call_all(Verb::Checkpoint).expect("silently ok");
        host.call_all(Verb::Stop { failover: true }).expect("silently ok");
        assert!(reads_only(&mut host, GUEST, self.lower, 0x33));
        assert!(reads_only(&mut host, GUEST, self.upper, 0x11));
        assert_eq!(host.host().volume(VolumeId::FIRST).stage(), Some(Stage::Done));
    }

    fn secondary_do_checkpoint(&self) {
        let mut host = self.started();
        self.write(&mut host, EXPORT, 0x22, self.upper).expect("a forwarded write");
        assert!(reads_only(&mut host, GUEST, self.upper, 0x11));
        host.call_all(Verb::Checkpoint).expect("checkpoint");
        assert!(reads_only(&mut host, GUEST, self.upper, 0x22));
        host.call_all(Verb::Stop { failover: true }).expect("stop(failover=1)");
    }

    fn secondary_get_error(&self) {
        let mut host = self.started();
        host.call_all(Verb::GetError).expect("nothing was lost");
        host.call_all(Verb::Stop { failover: true }).expect("stop(failover=1)");
    }
}
