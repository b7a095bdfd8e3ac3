/** Device state: records, the stream they travel in, and the lifecycle of a device. */
export type { IncomingRecord, RecordReader, RecordWriter, Section } from './section.ts';
