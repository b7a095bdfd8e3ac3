/**
 * The destination of the RFC's vectors, a network device: `rss` and `fmt` can be switched off, `q` cannot, and of `ring`
 * nothing says what is taken.
 */
export const NIC = {
  models: {
    'a.com/nic': {
      params: {
        rss: { type: 'bool', init_value: true, off_value: false },
        q: { type: 'int', allowed_values: ['1-8', 16], init_value: 4 },
        fmt: { type: 'str', allowed_values: ['v1', 'v2'], init_value: 'v2', off_value: 'v1' },
        ring: { type: 'int', init_value: 256, off_value: 0 },
      },
    },
  },
};
