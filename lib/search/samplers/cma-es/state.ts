import { createRequire } from 'node:module';
import type { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Distribution } from './start.ts';

/** What a generation hands to the next. */
export interface State extends Distribution {
  readonly generation: number;
  /** Evolution paths of sigma and of the covariance. */
  readonly sigmaPath: Float64Array;
  readonly covariancePath: Float64Array;
  /** Axes of the covariance: columns of a matrix by rows, with the deviation along each. */
  readonly axes: Float64Array;
  readonly deviations: Float64Array;
}

export function firstState(start: Distribution): State {
  const n = start.mean.length;
  const paths = { sigmaPath: new Float64Array(n), covariancePath: new Float64Array(n) };
  return { ...start, ...paths, generation: 0, ...axesOf(start.covariance, n) };
}

/** Deviations do not fall below this share of the largest: rounding would make them negative. */
const smallestRatio = 1e-7;

export function axesOf(covariance: Float64Array, n: number): Pick<State, 'axes' | 'deviations'> {
  const { Matrix, EigenvalueDecomposition } = linearAlgebra();
  const eigen = new EigenvalueDecomposition(Matrix.from1DArray(n, n, covariance), { assumeSymmetric: true });
  const largest = Math.sqrt(Math.max(...eigen.realEigenvalues));
  return {
    axes: Float64Array.from(eigen.eigenvectorMatrix.to1DArray()),
    deviations: Float64Array.from(eigen.realEigenvalues, (v) =>
      Math.max(Math.sqrt(Math.max(v, 0)), smallestRatio * largest),
    ),
  };
}

/** Loaded when first needed: start-up stays quick. */
function linearAlgebra(): { Matrix: typeof Matrix; EigenvalueDecomposition: typeof EigenvalueDecomposition } {
  return createRequire(import.meta.url)('ml-matrix') as ReturnType<typeof linearAlgebra>;
}

/** C^(1/2) z: a draw's step from white noise. */
export function colour({ axes, deviations }: State, z: Float64Array): Float64Array {
  return timesAxes(
    axes,
    z.map((v, i) => v * deviations[i]!),
  );
}

/** C^(-1/2) y, along the coordinates. */
export function whiten({ axes, deviations }: State, y: Float64Array): Float64Array {
  const n = y.length;
  const along = y.map((_, j) => y.reduce((sum, v, i) => sum + axes[i * n + j]! * v, 0) / deviations[j]!);
  return timesAxes(axes, along);
}

function timesAxes(axes: Float64Array, v: Float64Array): Float64Array {
  const n = v.length;
  return v.map((_, i) => v.reduce((sum, w, j) => sum + axes[i * n + j]! * w, 0));
}
