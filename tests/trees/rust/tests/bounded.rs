use queue::Queue;

#[test]
fn it_takes_as_many_as_it_holds() {
    let mut queue = Queue::new(1);
    assert!(queue.push(1));
    assert!(!queue.push(2));
}
