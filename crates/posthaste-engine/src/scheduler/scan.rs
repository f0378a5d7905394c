//! How far a shelf has been passed over, in the order of ids.

use posthaste::id::DeliveryId;

#[derive(Debug, Default)]
pub struct Scan {
    after: Option<DeliveryId>,
    /// Whether all that is on the shelf belongs to lines that know of it.
    complete: bool,
    asked: bool,
    /// The answer to come belongs to a scan that was given up.
    stale: bool,
    /// Something went to the shelf since it was asked for.
    grew: bool,
}

impl Scan {
    /// Of an empty shelf.
    pub fn done() -> Self {
        let mut scan = Self::default();
        scan.is_done();
        scan
    }

    /// Above all that has been seen there is nothing on the shelf.
    fn is_done(&mut self) {
        self.complete = true;
        self.after = Some(DeliveryId::from_u64(u64::MAX));
    }

    pub fn is_complete(&self) -> bool {
        self.complete
    }

    pub fn is_asked(&self) -> bool {
        self.asked
    }

    /// Whether it comes by an id yet.
    pub fn is_below(&self, id: DeliveryId) -> bool {
        self.after < Some(id)
    }

    /// Something is or will be on the shelf that it has to see, at this id.
    pub fn goes_back_to(&mut self, id: DeliveryId) {
        let before = Some(DeliveryId::from_u64(id.as_u64().saturating_sub(1)));
        self.after = self.after.min(before);
        self.give_up();
    }

    pub fn start_over(&mut self) {
        self.after = None;
        self.give_up();
    }

    fn give_up(&mut self) {
        self.complete = false;
        self.stale |= self.asked;
    }

    /// Something went to the shelf: the question under way may have been answered before.
    pub fn grew(&mut self) {
        self.grew = true;
    }

    /// The next stretch is asked for: what is above this.
    pub fn ask(&mut self) -> Option<DeliveryId> {
        self.asked = true;
        self.grew = false;
        self.after
    }

    /// Its answer begins; says whether it is of use.
    pub fn answered(&mut self) -> bool {
        self.asked = false;
        !std::mem::take(&mut self.stale)
    }

    /// All of the answer is placed. `unseen`: whether something is on its way that it has to see.
    /// Says whether that was the last of the shelf.
    pub fn placed(&mut self, after: Option<DeliveryId>, next: Option<u64>, unseen: bool) -> bool {
        // Something returned to the stretch that was passed over: it is passed over again.
        if after != self.after {
            return false;
        }
        match next {
            Some(next) => self.after = Some(DeliveryId::from_u64(next)),
            None if !self.grew && !unseen => self.is_done(),
            None => {}
        }
        self.complete
    }
}
