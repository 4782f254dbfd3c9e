<#
.SYNOPSIS
Hands a port of Windows on to onescrape in WSL 2: add, show or delete.
.DESCRIPTION
WSL 2 gets another address at every start, so add asks for the one it has now, and replaces what was there. Run it again after a restart
of WSL or Windows. Not needed with networkingMode=mirrored in .wslconfig: there WSL has Windows' own addresses.
.EXAMPLE
.\portproxy.ps1 add
.EXAMPLE
.\portproxy.ps1 add -Distribution Debian -Port 11012
#>
#Requires -RunAsAdministrator
[CmdletBinding()]
param(
    [Parameter(Position = 0)]
    [ValidateSet('add', 'show', 'delete')]
    [string]$Action = 'add',

    # onescrape's port, the same on both sides.
    [ValidateRange(1, 65535)]
    [int]$Port = 11011,

    # The distribution that onescrape runs in; by default WSL's default.
    [string]$Distribution = '',

    # Where Windows listens. Who gets in is the firewall's business: firewall.ps1.
    [string]$ListenAddress = '0.0.0.0'
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Get-WslAddress {
    $arguments = @()
    if ($Distribution) {
        $arguments += @('--distribution', $Distribution)
    }
    $answer = & wsl.exe @arguments --exec hostname -I
    if ($LASTEXITCODE -ne 0) {
        throw "wsl.exe ended with $LASTEXITCODE; is the distribution there? See: wsl --list --verbose"
    }
    # The first is eth0's; bridges of a Docker inside WSL come after it.
    $address = ("$answer".Trim() -split '\s+') | Where-Object { $_ -match '^\d{1,3}(\.\d{1,3}){3}$' } | Select-Object -First 1
    if (-not $address) {
        throw "WSL told no IPv4 address: '$answer'"
    }
    return $address
}

function Invoke-Netsh {
    & netsh.exe interface portproxy @args
    if ($LASTEXITCODE -ne 0) {
        throw "netsh interface portproxy $args ended with $LASTEXITCODE"
    }
}

switch ($Action) {
    'add' {
        # The service that does the handing on; without it a rule is listed and nothing listens.
        Start-Service -Name iphlpsvc
        $address = Get-WslAddress
        Invoke-Netsh add v4tov4 "listenaddress=$ListenAddress" "listenport=$Port" "connectaddress=$address" "connectport=$Port"
        Write-Output "added: ${ListenAddress}:$Port to ${address}:$Port"
    }
    'show' {
        Write-Output "WSL has the address $(Get-WslAddress) now; rules:"
        Invoke-Netsh show v4tov4
    }
    'delete' {
        Invoke-Netsh delete v4tov4 "listenaddress=$ListenAddress" "listenport=$Port"
        Write-Output "deleted: ${ListenAddress}:$Port"
    }
}
