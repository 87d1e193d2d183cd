use super::*;
use std::sync::Barrier;

const KIB: usize = 1024;

fn cache(limit: usize) -> (Cache<usize>, Instant) {
    (Cache::new(limit), Instant::now())
}

fn put(cache: &Cache<usize>, path: &str, size: usize, at: Instant) -> (Arc<usize>, bool) {
    let value = Arc::new(size);
    let kept = cache.insert(path.as_bytes(), &value, size, at);
    (value, kept)
}

fn has(cache: &Cache<usize>, path: &str, now: Instant) -> bool {
    cache.get(path.as_bytes(), now).is_some()
}

#[test]
fn an_entry_is_fresh_for_a_second_after_its_check_and_no_longer() {
    let (cache, start) = cache(64 * KIB);
    let (value, _) = put(&cache, "a", 10, start);
    let at = |ms| cache.get(b"a", start + Duration::from_millis(ms));
    assert!(matches!(at(0), Some(Hit::Fresh(_))));
    assert!(matches!(at(999), Some(Hit::Fresh(_))));
    assert!(matches!(at(1000), Some(Hit::Stale(_))));
    cache.confirm(b"a", &value, start + Duration::from_millis(1500));
    assert!(matches!(at(2499), Some(Hit::Fresh(_))));
    assert!(matches!(at(2500), Some(Hit::Stale(_))));
    // A check that took long says nothing about what came after it.
    cache.confirm(b"a", &value, start);
    assert!(matches!(at(2499), Some(Hit::Fresh(_))));
}

#[test]
fn a_check_of_an_old_entry_says_nothing_about_the_new_one() {
    let (cache, start) = cache(64 * KIB);
    let (old, _) = put(&cache, "a", 10, start);
    let (new, _) = put(&cache, "a", 20, start);
    cache.confirm(b"a", &old, start + FRESH);
    assert!(matches!(cache.get(b"a", start + FRESH), Some(Hit::Stale(v)) if *v == 20));
    assert!(!cache.grow(b"a", &old, 1));
    cache.forget(b"a", &old);
    assert!(has(&cache, "a", start));
    cache.forget(b"a", &new);
    assert!(!has(&cache, "a", start));
    assert_eq!(cache.used(), 0);
}

#[test]
fn the_limit_is_never_exceeded_whatever_comes() {
    let (cache, start) = cache(100 * KIB);
    let mut kept = 0;
    for i in 0..5000usize {
        let (value, done) = put(&cache, &format!("file {}", i * 7919 % 700), i * 37 % (8 * KIB), start);
        kept += usize::from(done);
        if i % 3 == 0 {
            cache.grow(format!("file {}", i * 7919 % 700).as_bytes(), &value, i % KIB);
        }
        if i % 5 == 0 {
            cache.get(format!("file {}", i % 700).as_bytes(), start);
        }
        assert!(cache.used() <= 100 * KIB, "{} bytes after {i}", cache.used());
    }
    assert!(kept > 4000, "{kept}");
    for i in 0..700 {
        let path = format!("file {i}");
        if let Some(Hit::Fresh(value) | Hit::Stale(value)) = cache.get(path.as_bytes(), start) {
            cache.forget(path.as_bytes(), &value);
        }
    }
    assert_eq!(cache.used(), 0, "what is given back is what was taken");
}

#[test]
fn what_is_larger_than_the_cache_pushes_nothing_out() {
    let (cache, start) = cache(16 * KIB);
    put(&cache, "small", 10, start);
    assert!(!put(&cache, "large", 17 * KIB, start).1);
    assert!(!put(&cache, "absurd", usize::MAX, start).1);
    assert!(has(&cache, "small", start));
    let (none, start) = (Cache::new(0), start);
    assert!(!put(&none, "a", 0, start).1);
    assert_eq!(none.used(), 0);
}

#[test]
fn hot_files_stay_while_a_thousand_cold_ones_pass() {
    let (cache, start) = cache(256 * KIB);
    let hot: Vec<String> = (0..20).map(|i| format!("hot {i}")).collect();
    hot.iter().for_each(|path| drop(put(&cache, path, 4 * KIB, start)));
    for i in 0..1000 {
        hot.iter().for_each(|path| drop(cache.get(path.as_bytes(), start)));
        put(&cache, &format!("cold {i}"), 4 * KIB, start);
    }
    let left = hot.iter().filter(|path| has(&cache, path, start)).count();
    assert_eq!(left, 20);
}

#[test]
fn a_new_file_costs_a_bounded_number_of_evictions() {
    let (cache, start) = cache(200 * KIB);
    (0..400).for_each(|i| drop(put(&cache, &format!("{i}"), 100, start)));
    let before = (0..400).filter(|i| has(&cache, &i.to_string(), start)).count();
    assert!(before > 300, "{before}");
    // It would take some 200 of them to make room.
    put(&cache, "large", 100 * KIB, start);
    let after = (0..400).filter(|i| has(&cache, &i.to_string(), start)).count();
    assert!(before - after <= STEPS, "{before} to {after}");
}

#[test]
fn threads_that_use_it_at_once_lose_no_byte() {
    let (cache, start) = cache(64 * KIB);
    let (cache, barrier) = (Arc::new(cache), Arc::new(Barrier::new(4)));
    let threads: Vec<_> = (0..4usize)
        .map(|thread| {
            let (cache, barrier) = (Arc::clone(&cache), Arc::clone(&barrier));
            std::thread::spawn(move || {
                barrier.wait();
                for i in 0..20_000usize {
                    let path = format!("{}", i * (thread + 3) % 97);
                    let (value, _) = put(&cache, &path, i % 2048, start);
                    cache.grow(path.as_bytes(), &value, i % 100);
                    assert!(cache.used() <= 64 * KIB);
                    if i % 7 == 0 {
                        cache.forget(path.as_bytes(), &value);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for i in 0..97 {
        let path = i.to_string();
        if let Some(Hit::Fresh(value) | Hit::Stale(value)) = cache.get(path.as_bytes(), start) {
            cache.forget(path.as_bytes(), &value);
        }
    }
    assert_eq!(cache.used(), 0);
}
