//! Imports between the modules of one folder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who imports whom in one folder, and the first place where it does so.
#[derive(Default)]
pub(crate) struct Folder(BTreeMap<String, BTreeMap<String, String>>);

impl Folder {
    pub(crate) fn add(&mut self, from: &str, to: &str, place: &str) {
        self.0.entry(from.to_owned()).or_default().entry(to.to_owned()).or_insert_with(|| place.to_owned());
    }

    /// For each group of modules that reach each other: the shortest circle in it, with its places.
    pub(crate) fn circles(&self) -> BTreeSet<String> {
        let reached: BTreeMap<_, _> = self.0.keys().map(|module| (module.as_str(), self.ways(module))).collect();
        let circle = |(module, ways): (&&str, &BTreeMap<&str, Vec<_>>)| {
            let reaches_back = |other: &&str| reached.get(other).is_some_and(|ways| ways.contains_key(module));
            let group: Vec<_> = ways.keys().copied().filter(reaches_back).collect();
            let shortest = group.iter().map(|member| &reached[member][member]).min_by_key(|way| way.len())?;
            let mut shown = shortest.join(" -> ");
            if group.len() >= shortest.len() {
                shown += &format!(", the shortest among {} modules: {}", group.len(), group.join(", "));
            }
            for edge in shortest.windows(2) {
                shown += &format!("\n    {}: {} -> {}", self.0[edge[0]][edge[1]], edge[0], edge[1]);
            }
            Some(shown)
        };
        reached.iter().filter_map(circle).collect()
    }

    /// The shortest way from `start` to each module that it reaches, perhaps to itself.
    fn ways<'a>(&'a self, start: &'a str) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut found = BTreeMap::new();
        let mut waiting = VecDeque::from([vec![start]]);
        while let Some(way) = waiting.pop_front() {
            for next in self.0.get(way[way.len() - 1]).into_iter().flat_map(BTreeMap::keys) {
                if !found.contains_key(next.as_str()) {
                    let way = [&way[..], &[next]].concat();
                    found.insert(next.as_str(), way.clone());
                    waiting.push_back(way);
                }
            }
        }
        found
    }
}
