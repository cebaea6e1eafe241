import type { ImagePreprocess } from '@strata/contracts';
import { decodePicture } from '@strata/data';
import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';

/** Longer texts than this are no pictures that someone sends by mistake: an answer must come before memory runs out. */
const MOST_CHARACTERS = 96 << 20;

/** The bytes of a picture that travels as base64, as such or as a `data:` URL. @throws StrataError `invalid_input` */
function bytesOf(text: string, row: number, field: string): Buffer {
  const fail = (problem: string): never => {
    throw new StrataError(
      'invalid_input',
      `row ${row + 1}: "${field}" ${problem} A picture is sent as the base64 text of a PNG or JPEG file.`,
      { where: { field: `inputs.${row}.${field}`, line: row + 1, column: field } },
    );
  };
  const body = text.startsWith('data:') ? text.slice(text.indexOf(',') + 1) : text;
  if (body.trim() === '') return fail('is empty.');
  if (body.length > MOST_CHARACTERS) return fail('is too long.');
  if (!/^[A-Za-z0-9+/_\-\s]+={0,2}\s*$/u.test(body)) return fail('is not base64.');
  return Buffer.from(body, 'base64');
}

/**
 * Encoded pictures as the graph's `pixel_values` [N, C, H, W]: decoded, resized, (x / 255 - mean) / std.
 * @param field name of the model's input, for messages
 * @throws StrataError `invalid_input` naming the row
 */
export async function pixelValues(
  pictures: readonly string[],
  spec: ImagePreprocess,
  field: string,
): Promise<Tensor<'float32'>> {
  const { height, width, channels, mean, std } = spec;
  const places = height * width;
  const data = new Float32Array(pictures.length * channels * places);
  for (const [row, text] of pictures.entries()) {
    const what = `row ${row + 1}: the picture in "${field}"`;
    const pixels = await decodePicture(bytesOf(text, row, field), spec, what).catch((e: unknown) => {
      throw new StrataError('invalid_input', (e as Error).message, {
        cause: e,
        where: { field: `inputs.${row}.${field}`, line: row + 1, column: field },
      });
    });
    for (let c = 0; c < channels; c++) {
      const factor = 1 / (255 * (std[c] ?? 1));
      const shift = (mean[c] ?? 0) / (std[c] ?? 1);
      const at = (row * channels + c) * places;
      for (let i = 0; i < places; i++) data[at + i] = (pixels[i * channels + c] as number) * factor - shift;
    }
  }
  return { dtype: 'float32', dims: [pictures.length, channels, height, width], data };
}
