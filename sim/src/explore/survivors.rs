//! What a power loss can leave on several disks: a number with a digit for each uncertain sector.
//!
//! A digit says which of a sector's distinct contents is left. The hash of an image is the
//! sum of hashes of its sectors, so that the next combination costs one addition and one
//! subtraction for each digit that changes, and no image is built to learn whether it is new.

use crate::hash::hash_128;
use crate::sim_disk::SimDisk;

/// A sector that is left with other than its durable contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// Of which disk, in the system's order.
    pub disk: usize,
    /// Which sector.
    pub sector: u64,
    /// Which version, as [`SimDisk::survivors`] numbers them.
    pub version: usize,
}

#[derive(Debug, Clone, Copy)]
struct Digit {
    disk: usize,
    sector: u64,
    taken: usize,
    /// Where the hashes of its contents begin, and how many there are.
    hashes: usize,
    versions: usize,
}

/// A combination of what is left of each uncertain sector, the first one to begin with: version 0 of
/// all.
#[derive(Debug, Clone)]
pub struct Survivors {
    digits: Vec<Digit>,
    hashes: Vec<u128>,
    /// Of the sectors that are certain.
    certain: u128,
    hash: u128,
    combinations: u128,
}

impl Survivors {
    /// Of these disks as they are.
    pub fn of(disks: &[&SimDisk]) -> Self {
        let mut survivors =
            Self { digits: Vec::new(), hashes: Vec::new(), certain: 0, hash: 0, combinations: 1 };
        for (disk, device) in disks.iter().enumerate() {
            survivors.add(disk, device);
        }
        let first = survivors.digits.iter().map(|digit| survivors.hashes[digit.hashes]);
        survivors.hash = first.fold(survivors.certain, u128::wrapping_add);
        survivors
    }

    fn add(&mut self, disk: usize, device: &SimDisk) {
        let mut next = 0;
        device.each_uncertain(|sector, contents| {
            self.add_certain(disk, device, next..sector);
            next = sector + 1;
            let (hashes, versions) = (self.hashes.len(), contents.len());
            self.hashes.extend(contents.iter().map(|bytes| sector_hash(disk, sector, bytes)));
            self.digits.push(Digit { disk, sector, taken: 0, hashes, versions });
            self.combinations = self.combinations.saturating_mul(versions as u128);
        });
        self.add_certain(disk, device, next..device.options().sectors);
    }

    fn add_certain(&mut self, disk: usize, device: &SimDisk, sectors: std::ops::Range<u64>) {
        for sector in sectors {
            let hash = sector_hash(disk, sector, device.peek_durable(sector));
            self.certain = self.certain.wrapping_add(hash);
        }
    }

    /// How many there are, or the largest number if they are more.
    pub fn combinations(&self) -> u128 {
        self.combinations
    }

    /// The hash of the disks' contents in this combination.
    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// What stands for all combinations together: equal if and only if the same sectors hold the
    /// same, or one of the same contents.
    pub(super) fn outline(&self) -> u128 {
        let mut words = Vec::with_capacity(1 + self.hashes.len() + self.digits.len());
        words.push(self.certain);
        for digit in &self.digits {
            let all = &mut self.hashes[digit.hashes..digit.hashes + digit.versions].to_vec();
            all.sort_unstable();
            words.push(digit.versions as u128);
            words.append(all);
        }
        let bytes: Vec<u8> = words.into_iter().flat_map(u128::to_le_bytes).collect();
        hash_128(0, &bytes)
    }

    /// Those that are left with other than the durable contents.
    pub fn kept(&self) -> impl Iterator<Item = Kept> {
        let kept = self.digits.iter().filter(|digit| digit.taken > 0);
        kept.map(|&Digit { disk, sector, taken, .. }| Kept { disk, sector, version: taken })
    }

    /// How many sectors are uncertain.
    pub fn uncertain(&self) -> usize {
        self.digits.len()
    }

    /// Which version of this sector is left: an answer to [`crate::crash::Choose`].
    pub fn choose(&self, disk: usize, sector: u64) -> usize {
        let place = self.digits.binary_search_by_key(&(disk, sector), |d| (d.disk, d.sector));
        place.map_or(0, |place| self.digits[place].taken)
    }

    /// The distance at which `shown` of the combinations lie evenly among all of them. Without a
    /// common factor with their number, so that none comes twice.
    pub(super) fn stride(&self, shown: u128) -> u128 {
        if shown == self.combinations {
            return 1;
        }
        // About the golden section, which leaves no large gap however many are shown.
        let mut stride = self.combinations / 1000 * 618 + 1;
        while gcd(stride, self.combinations) != 1 {
            stride += 1;
        }
        stride
    }

    /// Goes on by `stride` combinations; after the last comes the first. The last digit changes
    /// fastest.
    pub(super) fn advance(&mut self, mut stride: u128) {
        for digit in self.digits.iter_mut().rev() {
            if stride == 0 {
                return;
            }
            let versions = digit.versions as u128;
            let sum = digit.taken as u128 + stride % versions;
            stride = stride / versions + sum / versions;
            let taken = (sum % versions) as usize;
            let (from, to) = (digit.hashes + digit.taken, digit.hashes + taken);
            self.hash = self.hash.wrapping_sub(self.hashes[from]).wrapping_add(self.hashes[to]);
            digit.taken = taken;
        }
    }
}

fn sector_hash(disk: usize, sector: u64, bytes: &[u8]) -> u128 {
    // Two seeds that differ in every place of every disk.
    hash_128(((disk as u64) << 48 | sector) << 1, bytes)
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
