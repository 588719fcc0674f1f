import { CutOut } from './cut-out.jsx';

export default function Page() {
  return (
    <main>
      <h1>Remove a background</h1>
      <CutOut />
    </main>
  );
}
