//! Images in a directory of their own, removed afterwards.

use std::path::{Path, PathBuf};

use colo_core::driver::Driver;
use colo_core::real::{FileDisk, SystemClock};
use colo_core::{
    DiskId, Extent, Geometry, Host, Layout, Mode, Payload, Quirks, UserId, UserOp, VolumeId,
    VolumeOptions, Wiring,
};

pub(crate) type FileHost = Driver<FileDisk, SystemClock>;

pub(crate) struct Images {
    directory: PathBuf,
    pub(crate) geometry: Geometry,
    pub(crate) quirks: Quirks,
}

impl Images {
    /// Fresh images of all four disks.
    pub(crate) fn create(name: &str, geometry: Geometry, quirks: Quirks) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).expect("the test's own directory");
        let images = Self { directory, geometry, quirks };
        let size = geometry.sector_size as usize;
        let overlay = Layout::new(&geometry).disk_sectors(&geometry);
        for (disk, sectors) in [
            (DiskId::Local, geometry.sectors),
            (DiskId::Secondary, geometry.sectors),
            (DiskId::Hidden, overlay),
            (DiskId::Active, overlay),
        ] {
            FileDisk::create(&images.path(disk), size, sectors).expect("an image");
        }
        for disk in [DiskId::Hidden, DiskId::Active] {
            let file = std::fs::OpenOptions::new().write(true).open(images.path(disk));
            let header = Layout::header(&geometry);
            std::os::unix::fs::FileExt::write_all_at(&file.expect("an image"), &header, 0)
                .expect("a header");
        }
        images
    }

    pub(crate) fn path(&self, disk: DiskId) -> PathBuf {
        self.directory.join(disk.name())
    }

    /// A process over these images.
    pub(crate) fn open(&self, mode: Mode, quorum: bool, recover: bool) -> FileHost {
        let options = VolumeOptions {
            mode,
            geometry: self.geometry,
            quorum,
            wiring: Wiring::default(),
            recover,
            reconnect_delay_ns: 0,
            quirks: self.quirks,
            later: false,
        };
        let ids = match mode {
            Mode::Primary => vec![DiskId::Local, DiskId::Secondary],
            Mode::Secondary => vec![DiskId::Secondary, DiskId::Hidden, DiskId::Active],
        };
        let size = self.geometry.sector_size as usize;
        let open =
            |id| (VolumeId::FIRST, id, FileDisk::open(&self.path(id), size).expect("an image"));
        Driver::new(Host::new([options]), ids.into_iter().map(open).collect(), SystemClock::new())
    }

    /// What a file holds in these sectors, past the core.
    pub(crate) fn bytes(&self, disk: DiskId, extent: Extent) -> Vec<u8> {
        let size = self.geometry.sector_size as usize;
        let mut bytes = vec![0; extent.len as usize * size];
        let file = std::fs::File::open(self.path(disk)).expect("an image");
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, extent.at * size as u64)
            .expect("the file is as long as the disk");
        bytes
    }

    pub(crate) fn write(&self, byte: u8, extent: Extent) -> UserOp {
        let payload = Payload::from(vec![byte; self.geometry.bytes(extent.len)]);
        UserOp::Write { at: extent.at, payload }
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Whether a user reads nothing but this byte.
pub(crate) fn reads_only(host: &mut FileHost, user: UserId, extent: Extent, byte: u8) -> bool {
    let bytes =
        host.request(VolumeId::FIRST, user, UserOp::Read(extent)).expect("the read succeeds");
    bytes.iter().all(|&other| other == byte)
}
