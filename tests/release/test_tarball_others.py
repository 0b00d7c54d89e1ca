# SPDX-License-Identifier: ISC
"""What install.sh and uninstall.sh leave alone: what is another installation's,
or somebody's own."""

import os

import pytest

# Fixtures among them.
from test_tarball import CANTCREAT, good, openrc, run, share

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes systems")
GATEWAY = """
    mkdir -p /etc/charon /var/lib/charon
    echo mine >/etc/charon/charon.ini
    echo key >/var/lib/charon/key
"""
OTHERS = {
    "package": (": >/usr/bin/charon", "./uninstall.sh"),
    "prefix": ("./install.sh --yes --prefix /opt/x", "./uninstall.sh"),
    "later": ("./install.sh --yes; : >/usr/bin/orthrus", "./uninstall.sh"),
    "programs alone": ("./install.sh --yes --prefix /root/x\n"
                       ": >/usr/bin/charon",
                       "/root/x/share/orthrus/uninstall.sh"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_purge_spares_others(openrc, share, case):
    """Configuration and state are where they are for all installations."""
    before, script = OTHERS[case]
    done = run(openrc, share, GATEWAY + f"""
        {before}
        {script} --yes --purge && exit 99
        got=$?
        grep mine /etc/charon/charon.ini && grep key /var/lib/charon/key
        exit $got""")
    assert done.returncode == CANTCREAT, done.stdout + done.stderr
    assert "is there, and not of this installation" in done.stderr


def test_purge_of_what_is_left(openrc, share):
    """Also when the programs are gone already."""
    good(openrc, share, """
        ./install.sh --yes
        """ + GATEWAY + """
        ./uninstall.sh --yes
        grep key /var/lib/charon/key
        ./uninstall.sh --yes --purge
        ! test -e /var/lib/charon && ! test -e /etc/charon
        """)


def test_list_that_is_not_true(openrc, share):
    """Of what somebody else has written into it nothing is done."""
    said = good(openrc, share, """
        useradd --system victim
        echo precious >/etc/precious
        sum=$(sha256sum </etc/precious | cut -d ' ' -f 1)
        lie() {
            printf '%s\\n' "file $sum /etc/precious" "user victim" \
                "file $sum /opt/x/../../etc/precious" \
                >>/opt/x/share/orthrus/manifest
        }
        ./install.sh --yes --prefix /opt/x
        lie
        ./install.sh --yes --prefix /opt/x
        grep precious /etc/precious
        lie
        ./uninstall.sh --yes --prefix /opt/x
        grep precious /etc/precious
        id victim
        """)
    assert "remove   /etc/precious" not in said
    assert "remove  the user victim" not in said


def test_saved_and_beside(openrc, share):
    """What was saved before stays, and so does what has a similar name."""
    said = good(openrc, share, """
        cd ../old && ./install.sh --yes
        echo "# first" >>/etc/init.d/charon
        : >/etc/init.d/charon.new
        cd ../new && ./install.sh --yes
        echo "# second" >>/etc/init.d/charon
        ./install.sh --yes
        grep first /etc/init.d/charon.saved
        grep second /etc/init.d/charon.saved1
        test -e /etc/init.d/charon.new
        """)
    assert "(yours becomes /etc/init.d/charon.saved1)" in said


def test_changed_script_of_what_runs(openrc, share):
    """It stays, but nothing runs of a program that is gone."""
    good(openrc, share, """
        openrc default >/dev/null 2>&1
        ./install.sh --yes
        cp /usr/local/share/doc/orthrus/examples/charon.ini /etc/charon/
        rc-update add charon default && rc-service charon start
        echo "# mine" >>/etc/init.d/charon
        ./uninstall.sh --yes
        grep mine /etc/init.d/charon
        ! grep -E '^charon' /proc/[0-9]*/comm
        """)
