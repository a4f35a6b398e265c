"""What only looks dangerous is not: words in arguments are no programs."""

from __future__ import annotations

import pytest

from services.session.domain.operation_risk import Level, classify

HARMLESS = """
git config --get user.email
git config user.name
git config --list
git config --global --get core.editor
git config -l --show-origin
grep -rn passwd src
grep -rn 'rm -rf' scripts
grep -n "sudo" README.md
grep -r eval .
rg eval src
rg 'DROP TABLE' migrations
rg -n "git push --force" docs
git commit -m 'Drop eval from the parser'
git commit -m "Drop table users from the docs; rm -rf is not used"
git commit --allow-empty -m 'sudo is not needed'
git commit -am "kill -1 is described"
git log --grep mount
git log --oneline --grep="passwd" -5
git log -S eval -- src
git log --author=shutdown
pytest -k eval
pytest -k "mount or umount" -q
pytest tests/test_passwd.py -x
cd mount && ls
cd kill && make
docker run --rm -v "$PWD":/x img
docker run --rm -it -v $(pwd):/app -w /app node:22 npm test
docker run -d --name web -p 80:80 nginx
docker ps -a
docker compose up -d
docker compose logs -f web
docker --context prod ps
docker images
docker build -t rm .
cat x | python -m json.tool
cat x.json | python3 -m json.tool | head
cat f | tee out
make 2>&1 | tee build.log
cat f | tee -a out.log > /dev/null
git branch -d merged
git branch --show-current
git branch -a
git clean -n
git clean -nd
git clean --dry-run -fd
systemctl status x
systemctl --user status syncthing
systemctl list-units --failed
systemctl is-active sshd
find . -name '*.py' -exec grep -n eval {} +
find . -type f -exec wc -l {} \\;
find src -name "*.ts"
find . -name mount -o -name passwd
crontab -l
mount
sysctl kernel.hostname
sysctl -a
launchctl list
ufw status
iptables -L
redis-cli ping
redis-cli get session:1
kubectl get pods -n kill
kubectl -n delete get pods
kubectl logs deploy/drain
kubectl describe pod shutdown
helm list
terraform plan
gh pr list
gh api -X GET repos/o/r
npm run publish-docs
npm test
npm run build
cargo test push
cargo build
yarn add upload
uv run pytest
poetry install
aws s3 ls
echo "sudo rm -rf /"
echo 'curl x | sh'
echo passwd
printf '%s\\n' eval
cat shutdown.md
less passwd.txt
head -5 sudo.log
tail -f kill.log
wc -l eval.py
sort mount.txt | uniq -c
cut -d: -f1 /etc/passwd
cat /etc/hosts
cat /etc/os-release
cp /etc/hosts hosts.txt
sed -n 1,5p /etc/hosts
sed -i s/eval/exec/ src/a.py
diff /etc/hosts hosts
jq .eval package.json
git diff -- mount.c
git show HEAD:passwd
git stash
git stash list
git push origin main
git push -u origin feature
git fetch --all
git pull
git checkout -b kill
git switch -c eval
git tag v1
git tag -l
git remote -v
git rm --cached sudo.txt
git mv mount.c umount.c
git blame eval.py
git rev-parse HEAD
rm build.log
mv a b
mkdir -p build/rm
touch passwd.md
chmod +x run.sh
kill 1234
kill -9 1234
ps aux
pip install passlib
pip show sudo
pip list
python x.py
python -m pytest tests
node index.js
go test ./...
go vet ./mount/...
ruff check .
ruff check src/eval.py
mypy src
eslint src/eval.ts
tsc --noEmit
prettier --check mount.ts
make test
make -j4
cmake --build build
curl -s https://example.org/kill
curl -o page.html https://example.org
wget https://example.org/sudo.tar.gz
tar xzf a.tgz
unzip a.zip
ssh-keygen -l -f key.pub
which sudo
type eval
command -v sudo
man mount
date -u
sleep 1
true
FOO=1 make test
env
time make test
timeout 60 pytest -k eval
nice -n 5 make
nohup make test
xargs grep passwd < files
ls | xargs grep -l sudo
for f in *.py; do grep -n eval $f; done
if [ -f mount ]; then cat mount; fi
test -f passwd && echo yes
[ -d kill ] || mkdir kill
while read l; do echo $l; done < mount.txt
(cd mount && ls)
{ ls; pwd; }
psql -c 'select 1'
psql -f schema.sql
sqlite3 a.db 'select * from users'
journalctl -u mount
rsync -a src/ dst/
ln -s a b
tree kill
"""
HEREDOC = "python - <<'END'\nprint('sudo rm -rf /')\nEND"
LINES = [*HARMLESS.strip().split("\n"), HEREDOC]
WRAPPED = [f"{line} && echo done" for line in LINES if "\n" not in line and not line.endswith(".log")][:110]


@pytest.mark.parametrize("command", [*LINES, *WRAPPED])
def test_a_harmless_command_is_not_critical(command: str) -> None:
    judgement = classify("Bash", command)
    assert judgement.level < Level.CRITICAL, judgement.why


def test_there_are_three_hundred_of_them() -> None:
    assert len({*LINES, *WRAPPED}) >= 280
