//! What was made and what was lost on the way, as exact sums.

use super::Class;
use super::observation::Text;

/// Observations of one class on one CPU. `made = delivered + lost + refused + malformed + still waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassLoss {
    /// The class.
    pub class: Class,
    /// The CPU.
    pub cpu: u16,
    /// Records made, lost and refused ones included; equal to the highest sequence number.
    pub made: u64,
    /// Records that found the ring full.
    pub lost: u64,
    /// Records of cgroups that had used up their share of the nearly full bulk ring.
    pub refused: u64,
}

/// What one cgroup could not hand over. The counts start anew when the kernel programs forgot it for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupLoss {
    /// Its id: the inode number of its directory in the unified hierarchy.
    pub id: u64,
    /// Its path in the unified hierarchy; `None` when it was not found.
    pub path: Option<Text>,
    /// Records that found the ring of their class full.
    pub lost: u64,
    /// Bulk records beyond its share.
    pub refused: u64,
}

/// What was made and what was not handed over, cumulative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LossReport {
    /// One row for each class and CPU.
    pub classes: Vec<ClassLoss>,
    /// Records that could not be decoded.
    pub malformed: u64,
    /// Processes of the scope that are not followed because its table was full.
    pub unfollowed: u64,
    /// Who made what was not handed over, as far as the kernel programs remember.
    pub cgroups: Vec<CgroupLoss>,
}

impl LossReport {
    /// Returns how many records of all classes were made.
    pub fn made(&self) -> u64 {
        self.classes.iter().map(|row| row.made).sum()
    }

    /// Returns how many records of all classes found their ring full.
    pub fn lost(&self) -> u64 {
        self.classes.iter().map(|row| row.lost).sum()
    }

    /// Returns how many records were made and not handed over, whatever the reason.
    pub fn missing(&self) -> u64 {
        self.lost() + self.refused()
    }

    /// Returns how many records were refused to cgroups that had used up their share.
    pub fn refused(&self) -> u64 {
        self.classes.iter().map(|row| row.refused).sum()
    }
}
