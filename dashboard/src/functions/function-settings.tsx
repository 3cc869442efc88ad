import type { FunctionStatus } from '../api/function-status.ts';
import { Card } from '../ui/card.tsx';
import { Facts } from '../ui/facts.tsx';

export function FunctionSettings({ fn }: { fn: FunctionStatus }) {
  const { topic, schedule, ...annotations } = fn.annotations;
  return (
    <div className="stack facts-wide">
      <Card title="Function">
        <Facts
          facts={[
            ['Image', <code key="image">{fn.image}</code>],
            ['Replicas', `${fn.availableReplicas} of ${fn.replicas}`],
            ['Receives', topic?.replaceAll(',', ', ')],
            ['Schedule', schedule],
            ['Memory limit', fn.limits?.memory],
            ['CPU limit', fn.limits?.cpu],
            ...Object.entries(annotations).map(([name, value]): [string, string] => [name, value]),
          ]}
        />
      </Card>
      <Card title="Environment">
        {Object.keys(fn.envVars).length === 0 ? (
          <p className="muted">The function has no variables.</p>
        ) : (
          <Facts facts={Object.entries(fn.envVars).map(([name, value]) => [name, <code key={name}>{value}</code>])} />
        )}
      </Card>
    </div>
  );
}
