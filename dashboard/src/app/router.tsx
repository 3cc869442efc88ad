import { createBrowserRouter } from 'react-router';
import { ActivityPage } from '../overview/activity-page.tsx';
import { AssetPage } from '../asset/asset-page.tsx';
import { ComparePage } from '../datasets/compare-page.tsx';
import { DatasetPage } from '../datasets/dataset-page.tsx';
import { DatasetsPage } from '../datasets/datasets-page.tsx';
import { DeadLettersPage } from '../dead-letters/dead-letters-page.tsx';
import { FunctionPage } from '../functions/function-page.tsx';
import { FunctionsPage } from '../functions/functions-page.tsx';
import { JoinPage } from '../join/join-page.tsx';
import { OverviewPage } from '../overview/overview-page.tsx';
import { ReconcilePage } from '../reconcile/reconcile-page.tsx';
import { RunPage } from '../run/run-page.tsx';
import { RunsPage } from '../runs/runs-page.tsx';
import { UploadPage } from '../upload/upload-page.tsx';
import { CrashPage } from './crash-page.tsx';
import { Layout } from './layout.tsx';
import { NotFoundPage } from './not-found-page.tsx';

export const router = createBrowserRouter(
  [
    {
      element: <Layout />,
      children: [
        {
          errorElement: <CrashPage />,
          children: [
            { index: true, element: <OverviewPage /> },
            { path: 'upload', element: <UploadPage /> },
            { path: 'join', element: <JoinPage /> },
            { path: 'runs', element: <RunsPage /> },
            { path: 'runs/:runId', element: <RunPage /> },
            { path: 'datasets', element: <DatasetsPage /> },
            { path: 'datasets/:datasetId', element: <DatasetPage /> },
            { path: 'datasets/:datasetId/compare', element: <ComparePage /> },
            { path: 'assets/:assetId', element: <AssetPage /> },
            { path: 'functions', element: <FunctionsPage /> },
            { path: 'functions/:name', element: <FunctionPage /> },
            { path: 'dead-letters', element: <DeadLettersPage /> },
            { path: 'activity', element: <ActivityPage /> },
            { path: 'reconcile', element: <ReconcilePage /> },
            { path: '*', element: <NotFoundPage /> },
          ],
        },
      ],
    },
  ],
  { basename: '/ui' },
);
