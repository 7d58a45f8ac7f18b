//! What observers and checks cost: nothing where there are none, and no allocation for an event or a value.
#![allow(unsafe_code, reason = "an allocator cannot be had without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use meanwhile_core::{
    Checks, Event, EventStream, Finish, FinishReason, Model, Moment, Observer, Observers,
    ResponseStream, Run, Scope, Scripted, chain,
};

use crate::wait;

/// Counts the allocations of each thread.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn add() {
    // A thread that ends allocates after its counter is gone.
    let _ended = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed on unchanged to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn allocations(work: impl FnOnce()) -> u64 {
    // The executor makes its own things once a thread.
    wait(std::future::ready(()));
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// Is told and does nothing.
#[derive(Debug)]
struct Nothing;

impl Observer for Nothing {
    fn observe(&self, _: &Run, _: &Moment<'_>) {}
}

#[test]
fn without_observers_scopes_and_chains_allocate_nothing() {
    let work = || async { Ok(Scope::current()) };
    assert_eq!(allocations(|| drop(wait(work()))), 0);
    assert_eq!(allocations(|| drop(wait(chain("nobody looks", work())))), 0);
    assert_eq!(allocations(|| drop(Observers::default().with_all(Observers::default()))), 0);
}

/// The allocations of reading a streamed answer with so many events, observed or not.
fn reading(events: usize, observed: bool) -> u64 {
    let scripted = Scripted::new().events(
        std::iter::once(Event::text_start(0))
            .chain((0..events).map(|_| Event::text_delta(0, "")))
            .chain([Event::part_end(0), Event::finish(Finish::new(FinishReason::Stop))])
            .map(Ok),
    );
    let call = Model::new(scripted, "x").call::<String>("hi");
    let call = if observed { call.observe(Nothing) } else { call };
    let mut stream = wait(call.stream()).unwrap();
    allocations(|| while wait(stream.next()).is_some() {})
}

#[test]
fn an_event_costs_an_observer_no_allocation() {
    assert_eq!(reading(1000, false), reading(10, false));
    assert_eq!(reading(1000, true), reading(10, true));
    assert_eq!(reading(1000, true), reading(1000, false));
}

#[test]
fn the_stream_that_folds_allocates_no_more_than_the_fold() {
    let events = || {
        let texts = (0..100).map(|_| Event::text_delta(0, ""));
        std::iter::once(Event::text_start(0)).chain(texts).map(Ok).collect::<Vec<_>>()
    };
    let mut stream = ResponseStream::<String>::new(EventStream::from_events(events()), "p", "m");
    // The list of parts, and nothing else.
    let read = allocations(|| (0..101).for_each(|_| drop(wait(stream.next()))));
    assert_eq!(read, 1);
}

#[test]
fn checks_of_values_that_hold_allocate_nothing_for_each() {
    let checked = |count: usize| {
        let values = vec![vec!["a/b".to_owned()]; count];
        allocations(|| assert_eq!(Checks::of(&values).failed(), 0))
    };
    // The path alone, which has grown by the first ones.
    assert!(checked(1) <= 2);
    assert_eq!(checked(10), checked(1000));
}
