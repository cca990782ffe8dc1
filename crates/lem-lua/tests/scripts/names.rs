//! Names of files, programs and hosts are bytes.

use lem_lua::Lua;
use lem_ssl_rs::sim::Sim;

use crate::support::passes;

#[test]
#[cfg(target_os = "linux")]
fn names_that_are_no_utf_8_are_names_all_the_same() {
    passes(
        "local path = os.tmpname() .. '-caf\\233'
         local f = assert(io_.open(path, 'w'))
         f:write 'found'
         f:close()
         is(io_.open(path):read '*a', io_.streamfile(path):read '*a') { 'found', 'found' }
         is(io_.popen(('cat %s; printf %q'):format(path, '\\233')):read '*a') { 'found\\233' }
         os.remove(path)
         is(failed(io_.open(path))) { 'No such file or directory' }
         local server = assert(io_.unix.listen(path))
         is((server:address())) { path }
         local accepted = begin(server.accept, server)
         local a = assert(io_.unix.connect(path))
         is(select(2, a:getpeer())) { path }
         accepted():close()
         server:close()
         os.remove(path)
         contains(failed(io_.unix.connect(path)), \"error connecting to '\" .. path .. \"': \")
         contains(failed(io_.tcp.connect('caf\\233', 80)), \"error looking up 'caf\\233:80': \")
         contains(failed(io_.tcp.listen('caf\\233', 80)), \"error looking up 'caf\\233:80': \")
         local context, client = contexts()
         contains(failed(client:connect('caf\\233', 443)), 'error establishing SSL connection: ')
         contains(failed(ssl.newcontext { ca = path }), 'unable to initialize SSL context: ')
         contains(failed(ssl.newcontext { cert = path, key = path }), 'unable to initialize SSL context: ')
         done()",
    );
}

#[test]
fn a_server_of_one_family_has_addresses_of_that_one() {
    passes(
        "local server = assert(io_.tcp.listen4('localhost', 0))
         is((server:address())) { '127.0.0.1' }
         contains(failed(io_.tcp.listen4('::1', 0)), \"error looking up '::1:0': \")
         contains(failed(io_.tcp.listen6('127.0.0.1', 0)), \"error looking up '127.0.0.1:0': \")
         local six = io_.tcp.listen6('localhost', 0)
         if six then is((six:address())) { '::1' } end
         contains(failed(io_.tcp.connect('127.0.0.1', 80, 'ipv6')), \"error looking up '127.0.0.1:80': \")
         done()",
    );
}

#[test]
fn a_simulated_world_knows_its_own_names_only() {
    let sim = Sim::builder(1).check_wakers(false).build();
    let lua = Lua::in_simulation(&sim).expect("a state");
    let script = "
        local io = require 'lem.io'
        local server = assert(io.tcp.listen4('127.0.0.1', 80))
        local s = assert(io.tcp.connect('localhost', 80, 'ipv4'))
        return select(2, io.tcp.connect('localhost.localdomain', 80, 'ipv4'))";
    let message: String = sim.run(async { lua.eval(script, ()).await }).expect("no stall").expect("it works");
    assert_eq!(message, "error looking up 'localhost.localdomain:80': the name is not known");
}
