/** Requests that a guest could make, for properties. */
import fc from 'fast-check';
import { type FuseRequest, requests } from '../../src/fuse/index.ts';
import { O_DIRECTORY, O_RDWR } from './fs-kept.ts';

const edge = fc.constantFrom(
  0n,
  1n,
  4095n,
  4096n,
  2n ** 31n,
  2n ** 52n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n,
  2n ** 64n - 1n,
);
const name = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'd'),
  fc.constantFrom('.', '..', '', 'x/y', 'n'.repeat(255), 'n'.repeat(256), '\xff'),
);
const node = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(0, 999));
const handle = fc.integer({ min: 0, max: 12 });
const small = fc.nat(70_000);
const lock = fc.record({
  handle,
  owner: fc.constantFrom(1n, 2n, 2n ** 64n - 1n),
  start: fc.oneof(fc.bigInt(0n, 20n), edge),
  end: fc.oneof(fc.bigInt(0n, 30n), edge),
  type: fc.nat(3),
  flock: fc.boolean(),
});

function by<T extends unknown[]>(
  make: (...values: T) => FuseRequest,
  ...values: { [K in keyof T]: fc.Arbitrary<T[K]> }
): fc.Arbitrary<FuseRequest> {
  return fc.tuple<T>(...values).map((given) => {
    const text = () => `request ${make(...given).opcode} ${fc.stringify(given)}`;
    return Object.assign(make(...given), { [fc.toStringMethod]: text });
  });
}

const { create, mkdir, mknod, symlink, link, rename2, unlink, rmdir, open, opendir, tmpfile } = requests;
/** A request about one of the first few nodes and handles that there are, sensible or not. */
export const anyRequest: fc.Arbitrary<FuseRequest> = fc.oneof(
  by((n, s, m) => create(n, s, O_RDWR, m), node, name, small),
  by((n, s, m) => mkdir(n, s, m), node, name, small),
  by((n, s, m, r) => mknod(n, s, m, r), node, name, small, fc.nat()),
  by((n, s, t) => symlink(n, s, t), node, name, name),
  by((n, m) => tmpfile(n, O_RDWR, m), node, small),
  by((n, d, s) => link(n, d, s), node, node, name),
  by((n, s, d, t, f) => rename2(n, s, d, t, f), node, name, node, name, fc.nat(4)),
  by((n, s) => unlink(n, s), node, name),
  by((n, s) => rmdir(n, s), node, name),
  by((n, f) => open(n, f & 0o3003), node, small),
  by((n) => opendir(n, O_DIRECTORY), node),
  by((n, s) => requests.lookup(n, s), node, name),
  by((n, c) => requests.forget(n, c), node, fc.nat(3)),
  by(
    (n, h, o, l) => requests.write(n, h, o, new Uint8Array(l).fill(7)),
    node,
    handle,
    fc.oneof(edge, small),
    small,
  ),
  by(
    (n, h, m, o, l) => requests.fallocate(n, h, m, o, l),
    node,
    handle,
    fc.nat(63),
    fc.oneof(edge, small),
    fc.oneof(edge, small),
  ),
  by(
    (n, valid, h, value, mode) =>
      requests.setattr(n, {
        valid,
        handle: h,
        size: value,
        atime: value,
        mtime: -value,
        ctime: value,
        mode,
        uid: mode,
      }),
    node,
    fc.nat(0xfff),
    handle,
    fc.oneof(small, fc.constantFrom(2 ** 52, 2 ** 53, 2 ** 62)),
    small,
  ),
  by((n, s, v) => requests.setxattr(n, `user.${s}`, new Uint8Array(v)), node, name, small),
  by((n, s) => requests.removexattr(n, `user.${s}`), node, name),
  by((n, h, c) => requests.readdirplus(n, h, c, 4096), node, handle, fc.constantFrom(0, 3, 2 ** 53, 2 ** 63)),
  by((n, h) => requests.release(n, h, 2, 1n), node, handle),
  by((n, h) => requests.releasedir(n, h), node, handle),
  by((n, h) => requests.flush(n, h, 2n), node, handle),
  by((n, l) => requests.setlk(n, l), node, lock),
  by((n, l) => requests.setlkw(n, l), node, lock),
  by(
    (n, h, m, k, a, b) =>
      requests.copyFileRange(n, { handle: h, outNode: m, outHandle: k, offset: a, outOffset: b, length: b }),
    ...([node, handle, node, handle, small, small] as const),
  ),
);
