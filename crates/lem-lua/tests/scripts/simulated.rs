//! Scripts in a simulated world: time jumps, and a seed decides what the network does.

use lem_lua::{Error, Lua};
use lem_ssl_rs::sim::{Faults, Sim};

const SCRIPT: &str = "
    local ssl, utils, queue = require 'lem.ssl', require 'lem.utils', require 'lem.queue'
    local context = ssl.newcontext { selfsigned = { 'localhost' } }
    local client = ssl.newcontext { ca = context:certificate() }
    local server = assert(context:listen('127.0.0.1', 4433))
    utils.spawn(function()
        server:autospawn(function(s)
            while true do
                local line = s:read '*l'
                if not line or not s:write(line) then break end
            end
            s:close()
        end)
    end)
    local count, finished = 0, queue.new()
    for i = 1, 20 do
        utils.spawn(function()
            local s, message
            for attempt = 1, 50 do
                s, message = client:connect('localhost', 4433)
                if s then
                    for line = 1, 5 do
                        local text = ('%d %d %s\\n'):format(i, line, ('x'):rep(line * 1000))
                        if not s:write(text) then break end
                        local echo, message = s:read '*l'
                        if not echo then break end
                        assert(echo == text, 'a line was changed')
                        count = count + 1
                    end
                    s:close()
                    break
                end
                utils.newsleeper():sleep(1)
            end
            finished:put(true)
        end)
    end
    for i = 1, 20 do finished:get() end
    utils.newsleeper():sleep(86400)
    server:close()
    return count, utils.now()";

fn run(seed: u64, faults: Faults) -> Result<(i64, f64), Error> {
    let sim = Sim::builder(seed).faults(faults).check_wakers(false).build();
    let lua = Lua::in_simulation(&sim)?;
    sim.run(async { lua.eval(SCRIPT, ()).await }).expect("no stall")
}

#[test]
fn a_day_passes_at_once_and_calm_worlds_lose_nothing() {
    let (count, now) = run(1, Faults::none()).expect("it works");
    assert_eq!(count, 100);
    assert!((1_800_086_400.0..1_800_096_400.0).contains(&now), "{now}");
}

#[test]
fn a_seed_repeats_what_it_has_shown() {
    for seed in 1..8 {
        let first = run(seed, Faults::rough()).map_err(|error| error.to_string());
        let second = run(seed, Faults::rough()).map_err(|error| error.to_string());
        assert_eq!(first, second, "seed {seed}");
        first.expect("the script deals with every fault");
    }
}

#[test]
fn connections_that_break_are_errors_and_change_no_line() {
    for seed in 1..8 {
        let first = run(seed, Faults::hostile()).map_err(|error| error.to_string());
        let second = run(seed, Faults::hostile()).map_err(|error| error.to_string());
        assert_eq!(first, second, "seed {seed}");
        // There may be no socket left to listen on.
        let changed = first.is_err_and(|text| text.contains("changed"));
        assert!(!changed, "seed {seed}");
    }
}
