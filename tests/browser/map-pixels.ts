import type { Page } from 'playwright-core';

/** The colors of a drawn map. */

export type Color = [number, number, number];

/** The fill of features over land. */
export function isTeal([red, green, blue]: Color): boolean {
  return green - red > 25 && blue - red > 15 && red < 180;
}

/** The share of the pixels of the map that have a color. The screenshot is decoded in a page of its own. */
export async function shareOfColors(page: Page, has: (color: Color) => boolean): Promise<number> {
  const image = (await page.locator('.map canvas').first().screenshot()).toString('base64');
  const reader = await page.context().browser()!.newPage();
  const pixels = await reader.evaluate<number[]>(`(async () => {
    const bytes = Uint8Array.from(atob('${image}'), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(200, 100);
    const context = canvas.getContext('2d');
    context.imageSmoothingEnabled = false;
    context.drawImage(bitmap, 0, 0, 200, 100);
    return [...context.getImageData(0, 0, 200, 100).data];
  })()`);
  await reader.close();
  const colors = Array.from(
    { length: pixels.length / 4 },
    (_, index) => pixels.slice(index * 4, index * 4 + 3) as Color,
  );
  return colors.filter(has).length / colors.length;
}
