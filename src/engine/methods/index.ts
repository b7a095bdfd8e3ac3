/** How the contents of pages and buffers travel: as they are, or compressed; and which pages need not travel at all. */
export { ZSTD_WINDOW_LOG } from './limits.ts';
export { type MethodName, type PageMethod, pageMethod } from './methods.ts';
export { ZeroPages } from './zero-pages.ts';
