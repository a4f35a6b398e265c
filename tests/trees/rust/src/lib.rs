//! A bounded queue.

/// Holds at most `limit` items.
pub struct Queue<T> {
    items: Vec<T>,
    limit: usize,
}

impl<T> Queue<T> {
    pub fn new(limit: usize) -> Self {
        Queue { items: Vec::new(), limit }
    }

    /// Whether there was room.
    pub fn push(&mut self, item: T) -> bool {
        if self.items.len() >= self.limit {
            return false;
        }
        self.items.push(item);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses() {
        assert!(!Queue::new(0).push(1));
    }
}
