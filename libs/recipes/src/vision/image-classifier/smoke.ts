const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});
const crc32 = (bytes: Uint8Array): number =>
  (bytes.reduce((c, b) => (CRC[(c ^ b) & 255] as number) ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

/** A ZIP archive of stored files (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16). */
function storedZip(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const u16 = (n: number) => [n & 255, (n >>> 8) & 255];
  const u32 = (n: number) => [...u16(n & 0xffff), ...u16(n >>> 16)];
  const out: number[] = [];
  const directory: number[] = [];
  for (const [name, data] of Object.entries(files)) {
    const path = [...new TextEncoder().encode(name)];
    // version, flags, method (stored), time, date, checksum, sizes, length of the name, no extra field
    const common = [...u16(20), ...u16(0), ...u16(0), ...u16(0), ...u16(0x21)];
    const sizes = [...u32(crc32(data)), ...u32(data.length), ...u32(data.length), ...u16(path.length), ...u16(0)];
    directory.push(...u32(0x02014b50), ...u16(20), ...common, ...sizes);
    directory.push(...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(out.length), ...path);
    out.push(...u32(0x04034b50), ...common, ...sizes, ...path, ...data);
  }
  const count = Object.keys(files).length;
  const end = [
    ...u16(0),
    ...u16(0),
    ...u16(count),
    ...u16(count),
    ...u32(directory.length),
    ...u32(out.length),
    ...u16(0),
  ];
  return Uint8Array.from([...out, ...directory, ...u32(0x06054b50), ...end]);
}

/** 48 grey pictures of 8 × 8 pixels as IDX files: bars that lie, stand or cross, in places that vary. */
export function smokePictures(): Uint8Array {
  const [rows, side] = [48, 8];
  const images = new Uint8Array(rows * side * side);
  const labels = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) {
    const kind = i % 3;
    const at = 1 + (i % 6);
    labels[i] = kind;
    for (let k = 0; k < side; k++) {
      if (kind !== 1) images[i * side * side + at * side + k] = 200 + (i % 50);
      if (kind !== 0) images[i * side * side + k * side + ((at + i) % side)] = 180 + (i % 60);
    }
  }
  const header = (dims: readonly number[]) => [0, 0, 8, dims.length, ...dims.flatMap((d) => [0, 0, d >>> 8, d & 255])];
  return storedZip({
    'bars-images-idx3-ubyte': Uint8Array.from([...header([rows, side, side]), ...images]),
    'bars-labels-idx1-ubyte': Uint8Array.from([...header([rows]), ...labels]),
  });
}
