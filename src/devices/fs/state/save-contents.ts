import { MAX_PAYLOAD, type RecordWriter } from '../../../state/index.ts';
import { PAGE_SIZE } from '../../../sys/index.ts';
import type { FileSystem } from '../tree/file-system.ts';
import { RUN_SIZE, RUNS_AT, Sections } from './sections.ts';

const HIGH = 2 ** 32;

/** Data of a run that is copied together with its neighbours; longer data is written from where it lies. */
const COPIED = 16384;

/** Write the contents of every file, without holes. */
export function saveContents(fileSystem: FileSystem, records: RecordWriter): void {
  const batch = new ContentBatch(fileSystem.contents.arena.bytes, records);
  for (const { ino, content } of fileSystem.inodes.values()) {
    if (content === undefined) continue;
    let extent = content.extentFrom(0);
    while (extent !== undefined) {
      const { page, count, arenaPage, written } = extent;
      const length = Math.min(count * PAGE_SIZE, content.size - page * PAGE_SIZE);
      if (written) batch.data(ino, page, arenaPage * PAGE_SIZE, length);
      else batch.reserved(ino, page, count);
      extent = content.extentFrom(page + count);
    }
  }
  batch.flush();
}

/** Collects runs, and the data that belongs to them in parts, until a record is full. */
class ContentBatch {
  readonly #arena: Uint8Array;
  readonly #records: RecordWriter;
  readonly #table = new Uint8Array(MAX_PAYLOAD);
  readonly #view = new DataView(this.#table.buffer);
  readonly #copies = new Uint8Array(MAX_PAYLOAD);
  readonly #parts: Uint8Array[] = [];
  #runs = 0;
  #dataLength = 0;
  #copied = 0;
  #copiedInParts = 0;

  constructor(arena: Uint8Array, records: RecordWriter) {
    this.#arena = arena;
    this.#records = records;
  }

  /** A run of a file from `page` on with `length` bytes of data, which lie at `offset` of the arena. */
  data(ino: number, page: number, offset: number, length: number): void {
    for (let done = 0; done < length; ) {
      const rest = length - done;
      if (this.#room < Math.min(rest, COPIED)) this.flush();
      const room = this.#room;
      const piece = rest <= room ? rest : room - (room % PAGE_SIZE);
      this.#addRun(ino, page + done / PAGE_SIZE, Math.ceil(piece / PAGE_SIZE), piece);
      this.#addData(offset + done, piece);
      done += piece;
    }
  }

  /** A run of a file from `page` on that has memory and no data. */
  reserved(ino: number, page: number, count: number): void {
    if (this.#room < 0) this.flush();
    this.#addRun(ino, page, count, 0);
  }

  flush(): void {
    if (this.#runs === 0) return;
    this.#view.setUint32(0, this.#runs, true);
    this.#view.setUint32(4, 0, true);
    this.#closeCopies();
    this.#records.write(
      Sections.contents,
      this.#table.subarray(0, RUNS_AT + this.#runs * RUN_SIZE),
      ...this.#parts,
    );
    this.#parts.length = 0;
    this.#runs = this.#dataLength = this.#copied = this.#copiedInParts = 0;
  }

  /** Bytes of data that still fit beside the description of one more run; negative where that does not fit itself. */
  get #room(): number {
    return MAX_PAYLOAD - RUNS_AT - (this.#runs + 1) * RUN_SIZE - this.#dataLength;
  }

  #addRun(ino: number, page: number, count: number, bytes: number): void {
    const at = RUNS_AT + this.#runs++ * RUN_SIZE;
    this.#view.setUint32(at, ino % HIGH, true);
    this.#view.setUint32(at + 4, ino / HIGH, true);
    this.#view.setUint32(at + 8, page % HIGH, true);
    this.#view.setUint32(at + 12, page / HIGH, true);
    this.#view.setUint32(at + 16, count, true);
    this.#view.setUint32(at + 20, bytes, true);
  }

  #addData(offset: number, length: number): void {
    const data = this.#arena.subarray(offset, offset + length);
    if (length < COPIED) {
      this.#copies.set(data, this.#copied);
      this.#copied += length;
    } else {
      this.#closeCopies();
      this.#parts.push(data);
    }
    this.#dataLength += length;
  }

  #closeCopies(): void {
    if (this.#copied === this.#copiedInParts) return;
    this.#parts.push(this.#copies.subarray(this.#copiedInParts, this.#copied));
    this.#copiedInParts = this.#copied;
  }
}
