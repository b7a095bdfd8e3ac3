/** Layouts of messages on the wire. */
export {
  address,
  type FieldType,
  padding,
  type Struct,
  type StructValue,
  struct,
  u8,
  u16,
  u32,
  u64,
} from './struct.ts';
